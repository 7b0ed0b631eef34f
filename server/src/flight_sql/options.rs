//! The actions on a session: SetSessionOptions, GetSessionOptions, CloseSession.

use std::collections::HashMap;

use arachne_engine::query::QueryRequest;
use arrow_flight::Action;
use prost::Message;
use tonic::metadata::MetadataMap;

use super::caller::Caller;
use super::door::Inner;
use super::messages::{
    CloseSessionResult, CloseStatus, GetSessionOptionsResult, OptionError, OptionValue, SessionOptionError,
    SessionOptionValue, SetSessionOptionsRequest, SetSessionOptionsResult,
};
use super::metadata::CATALOG;
use super::session::{Session, SetCookie};
use super::status::{Refusal, Result};

/// Sets what can be set, and says of each other option why not.
pub(super) async fn set(
    door: &Inner,
    caller: &Caller,
    action: &Action,
    headers: &mut MetadataMap,
) -> Result<SetSessionOptionsResult> {
    let request = SetSessionOptionsRequest::decode(&*action.body)
        .map_err(|error| Refusal::invalid(format!("the body is no SetSessionOptionsRequest: {error}")))?;
    let mut session = door.sessions.get(&caller.session_key).unwrap_or_default();
    let mut errors = HashMap::new();
    for (name, value) in request.session_options {
        let mut changed = session.clone();
        match set_one(door, caller, &mut changed, &name, value.option_value).await {
            Ok(()) => session = changed,
            Err(error) => {
                errors.insert(name, SessionOptionError { value: error.into() });
            }
        }
    }
    keep(door, caller, &session, headers);
    Ok(SetSessionOptionsResult { errors })
}

/// Remembers the session for the calls that follow.
pub(super) fn keep(door: &Inner, caller: &Caller, session: &Session, headers: &mut MetadataMap) {
    let cookie: Option<SetCookie> = door.sessions.put(&caller.session_key, session);
    if let Some(cookie) = cookie {
        cookie.write(headers);
    }
}

pub(super) fn get(door: &Inner, caller: &Caller) -> GetSessionOptionsResult {
    let Session { database, settings } = door.sessions.get(&caller.session_key).unwrap_or_default();
    let places = [("catalog".to_owned(), CATALOG.to_owned()), ("schema".to_owned(), database)];
    let options = places.into_iter().chain(settings);
    let value = |text| SessionOptionValue { option_value: Some(OptionValue::String(text)) };
    GetSessionOptionsResult { session_options: options.map(|(name, text)| (name, value(text))).collect() }
}

pub(super) fn close(door: &Inner, caller: &Caller) -> CloseSessionResult {
    door.sessions.close(&caller.session_key);
    // A client that set nothing has a session too, as far as it can tell.
    CloseSessionResult { status: CloseStatus::Closed.into() }
}

async fn set_one(
    door: &Inner,
    caller: &Caller,
    session: &mut Session,
    name: &str,
    value: Option<OptionValue>,
) -> Result<(), OptionError> {
    let value = match value {
        None => None,
        Some(OptionValue::String(text)) => Some(text),
        Some(OptionValue::Bool(value)) => Some(value.to_string()),
        Some(OptionValue::Int64(value)) => Some(value.to_string()),
        Some(OptionValue::Double(value)) => Some(value.to_string()),
        Some(OptionValue::StringList(_)) => return Err(OptionError::InvalidValue),
    };
    match (name, value) {
        ("catalog", None) => Ok(()),
        ("catalog", Some(catalog)) if catalog.eq_ignore_ascii_case(CATALOG) => Ok(()),
        ("catalog", Some(_)) => Err(OptionError::InvalidValue),
        ("schema", None) => {
            session.database = Session::default().database;
            Ok(())
        }
        ("schema", Some(database)) => {
            let catalog = door.doors.service.catalog_of(&caller.principal);
            let database = catalog.database(&database).await.map_err(|_| OptionError::InvalidValue)?;
            session.database = database.name;
            Ok(())
        }
        (name, None) => {
            session.unset(name);
            Ok(())
        }
        (name, Some(value)) => {
            if !name.starts_with("arachne.") && !name.starts_with("datafusion.") {
                return Err(OptionError::InvalidName);
            }
            session.set(name, &value);
            check(door, caller, session).map_err(|_| OptionError::InvalidValue)
        }
    }
}

/// Says what is wrong with the settings of a session before a query fails of it.
pub(super) fn check(door: &Inner, caller: &Caller, session: &Session) -> Result<()> {
    let request = QueryRequest {
        settings: session.settings.clone(),
        principal: caller.principal.clone(),
        ..QueryRequest::new("")
    };
    Ok(door.doors.service.check_settings(&request)?)
}
