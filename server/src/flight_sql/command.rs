//! Commands as clients pack them into descriptors, tickets and actions.

use arrow_flight::FlightDescriptor;
use arrow_flight::flight_descriptor::DescriptorType;
use arrow_flight::sql::{Any, Command};
use prost::Message as _;

use super::status::{Refusal, Result};

/// # Errors
/// For bytes that are no command of Flight SQL.
pub(super) fn unpack(bytes: &[u8]) -> Result<Command> {
    let any = Any::decode(bytes)
        .map_err(|_| Refusal::invalid("these bytes are no command of Flight SQL: no protobuf message of type Any"))?;
    let name = any.type_url.clone();
    match Command::try_from(any) {
        Ok(Command::Unknown(any)) => Err(Refusal::invalid(format!("there is no command '{}'", shown(&any.type_url)))),
        Ok(command) => Ok(command),
        Err(_) => Err(Refusal::invalid(format!("the bytes of the command {} cannot be read", shown(&name)))),
    }
}

/// # Errors
/// For a descriptor that names a path, and for bytes that are no command.
pub(super) fn of_descriptor(descriptor: &FlightDescriptor) -> Result<Command> {
    if descriptor.r#type != DescriptorType::Cmd as i32 {
        return Err(Refusal::invalid("a flight is described by a command of Flight SQL here, not by a path"));
    }
    unpack(&descriptor.cmd)
}

/// What cannot be done with a command here.
pub(super) fn misplaced(command: &Command, call: &str) -> Refusal {
    let name = shown(command.type_url());
    match command {
        Command::CommandStatementSubstraitPlan(_) | Command::ActionCreatePreparedSubstraitPlanRequest(_) => {
            Refusal::new(arachne_engine::ErrorCode::NotSupported, "Substrait plans are not supported: send SQL")
        }
        Command::CommandStatementIngest(_) => {
            Refusal::new(arachne_engine::ErrorCode::NotSupported, "tables are read, never written: there is no ingest")
        }
        _ => Refusal::invalid(format!("{call} does not take {name}")),
    }
}

/// The last part of a type's name, and not too much of it.
fn shown(type_url: &str) -> String {
    let name = type_url.rsplit(['.', '/']).next().unwrap_or(type_url);
    name.chars().take(80).collect()
}
