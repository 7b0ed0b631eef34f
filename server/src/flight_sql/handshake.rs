//! Handshake: who has shown credentials gets a token to send instead.

use arrow_flight::HandshakeResponse;
use futures::stream::{self, BoxStream, StreamExt as _};
use tonic::metadata::MetadataValue;
use tonic::{Response, Status};

use super::caller::Caller;
use super::door::Inner;
use super::status::{Refusal, Result};

/// The token goes out as header `authorization`, where drivers look for it, and as payload. What the client has to say besides its
/// headers does not matter: drivers with a token shake hands with an empty payload.
pub(super) fn answer(
    door: &Inner,
    caller: &Caller,
) -> Result<Response<BoxStream<'static, Result<HandshakeResponse, Status>>>> {
    let token = door.doors.auth.issue(&caller.principal);
    let header = MetadataValue::try_from(format!("Bearer {}", token.text));
    let header = header.map_err(|_| Refusal::new(arachne_engine::ErrorCode::Internal, "the token fits no header"))?;
    let answer = HandshakeResponse { protocol_version: 0, payload: token.text.into_bytes().into() };
    let mut response = Response::new(stream::once(async { Ok(answer) }).boxed());
    response.metadata_mut().insert("authorization", header);
    Ok(response)
}
