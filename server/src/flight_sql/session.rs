//! What a client has set for the calls that follow: the database and `arachne.*`.
//!
//! A session is found by its cookie. Of clients that keep none (ADBC unless told to, pyarrow), it is found by user and connection; behind
//! a proxy that mixes clients on one connection these should send `schema` and `arachne.*` as headers with each call instead, which
//! goes before what is set in the session, and needs none.

use std::net::SocketAddr;
use std::time::Duration;

use arachne_engine::access::Principal;
use http::header::COOKIE;
use tonic::metadata::{MetadataMap, MetadataValue};
use uuid::Uuid;

use super::recent::Recent;

/// The name that the protocol suggests.
const COOKIE_NAME: &str = "arrow_flight_session_id";

/// A session that nobody changes ends after so long.
const KEEP: Duration = Duration::from_secs(24 * 3600);
const MAX_SESSIONS: usize = 10_000;

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Session {
    pub(super) database: String,
    /// A name stands once.
    pub(super) settings: Vec<(String, String)>,
}

impl Default for Session {
    fn default() -> Self {
        Self { database: "default".to_owned(), settings: Vec::new() }
    }
}

impl Session {
    pub(super) fn set(&mut self, name: &str, value: &str) {
        self.unset(name);
        self.settings.push((name.to_owned(), value.to_owned()));
    }

    pub(super) fn unset(&mut self, name: &str) {
        self.settings.retain(|(known, _)| !known.eq_ignore_ascii_case(name));
    }

    /// What a call says in its headers goes before what was set.
    pub(super) fn with_headers(mut self, headers: &MetadataMap) -> Self {
        let text = |name| headers.get(name).and_then(|value| value.to_str().ok()).filter(|text| !text.is_empty());
        if let Some(database) = text("schema").or_else(|| text("database")) {
            self.database = database.to_lowercase();
        }
        let settings: Vec<(String, String)> = headers
            .as_ref()
            .iter()
            .filter(|(name, _)| name.as_str().starts_with("arachne."))
            .filter_map(|(name, value)| Some((name.as_str().to_owned(), value.to_str().ok()?.to_owned())))
            .collect();
        for (name, value) in settings {
            self.set(&name, &value);
        }
        self
    }
}

/// Where a caller's session is found.
#[derive(Debug, Clone)]
pub(super) struct SessionKey {
    cookie: Option<String>,
    /// Known for connections over TCP.
    connection: Option<SocketAddr>,
    user: String,
}

impl SessionKey {
    pub(super) fn new(headers: &MetadataMap, connection: Option<SocketAddr>, principal: &Principal) -> Self {
        let cookies = headers.get_all(COOKIE.as_str()).iter().filter_map(|value| value.to_str().ok());
        let cookie = cookies
            .flat_map(|cookies| cookies.split(';'))
            .filter_map(|cookie| cookie.trim().split_once('='))
            .find_map(|(name, value)| (name == COOKIE_NAME).then(|| value.trim_matches('"').to_owned()));
        Self { cookie, connection, user: principal.user.clone() }
    }

    /// The keys under which a session may be known, the surest first. Nobody finds the session of another user.
    fn keys(&self) -> impl Iterator<Item = String> + use<> {
        let user = &self.user;
        let by_cookie = self.cookie.as_ref().map(|cookie| format!("cookie {cookie} {user}"));
        let by_connection = self.connection.as_ref().map(|connection| format!("connection {connection} {user}"));
        by_cookie.into_iter().chain(by_connection).collect::<Vec<_>>().into_iter()
    }
}

/// The sessions of all clients.
#[derive(Debug)]
pub(super) struct Sessions {
    known: Recent<String, Session>,
}

impl Default for Sessions {
    fn default() -> Self {
        Self { known: Recent::new(KEEP, MAX_SESSIONS) }
    }
}

impl Sessions {
    pub(super) fn get(&self, key: &SessionKey) -> Option<Session> {
        key.keys().find_map(|key| self.known.get(&key))
    }

    /// Keeps a session; a caller without a cookie gets one to send from now on.
    pub(super) fn put(&self, key: &SessionKey, session: &Session) -> Option<SetCookie> {
        let (key, cookie) = match &key.cookie {
            Some(_) => (key.clone(), None),
            None => {
                let id = Uuid::new_v4().to_string();
                (SessionKey { cookie: Some(id.clone()), ..key.clone() }, Some(SetCookie(id)))
            }
        };
        for key in key.keys() {
            self.known.insert(key, session.clone());
        }
        cookie
    }

    /// Says whether there was one.
    pub(super) fn close(&self, key: &SessionKey) -> bool {
        let closed: Vec<_> = key.keys().filter_map(|key| self.known.remove(&key)).collect();
        !closed.is_empty()
    }
}

/// The id of a session that has just begun.
#[derive(Debug)]
pub(super) struct SetCookie(String);

impl SetCookie {
    pub(super) fn write(&self, headers: &mut MetadataMap) {
        let cookie = format!("{COOKIE_NAME}={}; HttpOnly; Max-Age={}", self.0, KEEP.as_secs());
        if let Ok(cookie) = MetadataValue::try_from(cookie) {
            headers.insert("set-cookie", cookie);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(cookie: Option<&str>, port: u16, user: &str) -> SessionKey {
        let mut headers = MetadataMap::new();
        if let Some(cookie) = cookie {
            headers.insert("cookie", format!("theme=dark; {COOKIE_NAME}={cookie}").parse().unwrap());
        }
        SessionKey::new(&headers, Some(SocketAddr::from(([127, 0, 0, 1], port))), &Principal::user(user))
    }

    #[test]
    fn a_session_is_found_by_its_cookie_or_connection_and_never_by_another_user() {
        let sessions = Sessions::default();
        let session = Session { database: "sales".to_owned(), settings: Vec::new() };
        let SetCookie(id) = sessions.put(&key(None, 1, "ann"), &session).unwrap();
        assert_eq!(sessions.get(&key(None, 1, "ann")), Some(session.clone()));
        assert_eq!(sessions.get(&key(Some(&id), 2, "ann")), Some(session.clone()));
        for other in [key(None, 2, "ann"), key(None, 1, "bob"), key(Some(&id), 1, "bob")] {
            assert_eq!(sessions.get(&other), None);
        }
        assert!(sessions.put(&key(Some(&id), 2, "ann"), &session).is_none());
        assert!(sessions.close(&key(Some(&id), 2, "ann")) && !sessions.close(&key(Some(&id), 2, "ann")));
    }

    #[test]
    fn headers_go_before_what_was_set() {
        let mut session = Session::default();
        session.set("arachne.max_time", "1m");
        let mut headers = MetadataMap::new();
        headers.insert("schema", "Sales".parse().unwrap());
        headers.insert("arachne.max_time", "30s".parse().unwrap());
        let session = session.with_headers(&headers);
        assert_eq!(session.database, "sales");
        assert_eq!(session.settings, [("arachne.max_time".to_owned(), "30s".to_owned())]);
    }
}
