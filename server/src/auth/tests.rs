use std::sync::atomic::{AtomicI64, Ordering};
use std::time::Duration;

use arachne_engine::access::Principal;
use http::HeaderMap;

use super::*;

const HOUR: Duration = Duration::from_secs(3600);

#[tokio::test]
async fn the_right_password_comes_in_and_every_other_answers_alike() {
    let auth = authenticator(SigningKey::random(), frozen);
    let ana = auth.password("ana", "right").await.unwrap();
    assert_eq!((ana.user.as_str(), ana.workgroup.as_str()), ("ana", "analysts"));
    assert_eq!(auth.password("ana", "right").await.unwrap(), ana);
    assert_eq!(auth.password("ana", "wrong").await, Err(Denied::WrongPassword));
    assert_eq!(auth.password("nobody", "right").await, Err(Denied::WrongPassword));
    assert_eq!(auth.password("nobody", "").await, Err(Denied::WrongPassword));
    assert_eq!(auth.password("etl", "").await, Err(Denied::WrongPassword));
    assert_eq!(auth.password("ana", &"x".repeat(1 << 20)).await, Err(Denied::WrongPassword));
}

#[tokio::test]
async fn guessing_is_slowed_down_for_one_user_but_not_for_who_is_in() {
    let auth = authenticator(SigningKey::random(), frozen);
    auth.password("ana", "right").await.unwrap();
    for _ in 0..5 {
        assert_eq!(auth.password("ana", "guess").await, Err(Denied::WrongPassword));
    }
    let denied = auth.password("ana", "guess").await.unwrap_err();
    assert!(matches!(denied, Denied::TooManyAttempts { .. }), "{denied:?}");
    auth.password("ana", "right").await.unwrap();
    auth.password("ben", "right").await.unwrap();
}

#[tokio::test]
async fn headers_say_who_it_is() {
    let auth = authenticator(SigningKey::random(), frozen);
    let basic = |text: &str| format!("Basic {}", base64_of(text));
    assert_eq!(auth.authenticate(&header(&basic("ana:right"))).await.unwrap().user, "ana");
    assert_eq!(auth.authenticate(&header(&basic("ana:right").replace('=', ""))).await.unwrap().user, "ana");
    let token = auth.issue(&auth.password("ana", "right").await.unwrap()).text;
    assert_eq!(auth.authenticate(&header(&format!("bearer {token}"))).await.unwrap().user, "ana");
    assert_eq!(auth.authenticate(&HeaderMap::new()).await, Err(Denied::Missing));
    for wrong in ["", "Basic", "Basic !!!", "Bearer ", "Digest x", &basic("nocolon"), "Bearer", "Basic /////w=="] {
        assert_eq!(auth.authenticate(&header(wrong)).await, Err(Denied::Malformed), "{wrong}");
    }
    let mut twice = header(&basic("ana:right"));
    twice.append(http::header::AUTHORIZATION, "Bearer x".parse().unwrap());
    assert_eq!(auth.authenticate(&twice).await, Err(Denied::Malformed));
}

#[tokio::test]
async fn users_and_tokens_can_change_while_others_come_in() {
    let auth = authenticator(SigningKey::random(), frozen);
    let ana = auth.password("ana", "right").await.unwrap();
    let issued = auth.issue(&ana).text;
    let ben = auth.issue(&auth.password("ben", "right").await.unwrap()).text;
    let mut changed = credentials();
    changed.users.remove("ben");
    changed.users.get_mut("ana").unwrap().password = Some(Secret::new(hash_password("new").unwrap()));
    auth.renew(changed).unwrap();
    // Neither the password that was remembered nor the token that was given for it is worth anything now.
    assert_eq!(auth.password("ana", "right").await, Err(Denied::WrongPassword));
    assert!(auth.token(&issued).is_err() && auth.token(&ben).is_err());
    assert_eq!(auth.password("ben", "right").await, Err(Denied::WrongPassword));
    assert_eq!(auth.password("ana", "new").await.unwrap(), ana);
    // What is wrong changes nothing.
    let mut wrong = credentials();
    wrong.users.get_mut("ana").unwrap().password = Some(Secret::new("plain"));
    auth.renew(wrong).unwrap_err();
    auth.password("ana", "new").await.unwrap();
}

#[test]
fn tokens_from_the_file_belong_to_their_user_and_expire() {
    static NOW: AtomicI64 = AtomicI64::new(0);
    let token = NewToken::random();
    let mut credentials = credentials();
    credentials.tokens.insert(
        "nightly".to_owned(),
        TokenEntry {
            user: "etl".to_owned(),
            sha256: Some(Secret::new(token.sha256)),
            expires: Some("1970-01-02".parse().unwrap()),
        },
    );
    let auth = of(credentials, SigningKey::random(), || NOW.load(Ordering::SeqCst));
    assert_eq!(auth.token(&token.text).unwrap().user, "etl");
    assert_eq!(auth.token(&format!("{}x", token.text)), Err(Denied::WrongToken));
    assert_eq!(auth.token(""), Err(Denied::WrongToken));
    NOW.store(24 * 3_600_000, Ordering::SeqCst);
    assert_eq!(auth.token(&token.text), Err(Denied::Expired));
}

#[test]
fn issued_tokens_expire_and_cannot_be_made_up() {
    static NOW: AtomicI64 = AtomicI64::new(1_000_000);
    let now = || NOW.load(Ordering::SeqCst);
    let auth = authenticator(SigningKey::of_text("shared"), now);
    let token = auth.issue(&Principal::user("ana"));
    assert_eq!(auth.token(&token.text).unwrap().workgroup, "analysts");
    assert_eq!(authenticator(SigningKey::of_text("shared"), now).token(&token.text).unwrap().user, "ana");
    assert_eq!(authenticator(SigningKey::random(), now).token(&token.text), Err(Denied::WrongToken));

    let later = token.text.replace(&token.expires.to_string(), &(token.expires + 1).to_string());
    let ben = token.text.replace(&base64_url_of("ana"), &base64_url_of("ben"));
    for forged in [later, ben, "v1.YW5h.9999999999999.".to_owned(), format!("{}A", token.text), "v1...".to_owned()] {
        assert_eq!(auth.token(&forged), Err(Denied::WrongToken), "{forged}");
    }
    let mut changed = credentials();
    changed.users.get_mut("ana").unwrap().password = Some(Secret::new(hash_password("other").unwrap()));
    let changed = of(changed, SigningKey::of_text("shared"), now);
    assert_eq!(changed.token(&token.text), Err(Denied::WrongToken), "it ends with the password");

    NOW.store(token.expires, Ordering::SeqCst);
    assert_eq!(auth.token(&token.text), Err(Denied::Expired));
}

#[test]
fn seals_hold_for_one_principal_and_purpose_and_time() {
    static NOW: AtomicI64 = AtomicI64::new(0);
    let auth = authenticator(SigningKey::random(), || NOW.load(Ordering::SeqCst));
    let (ana, ben) = (Principal::user("ana"), Principal::user("ben"));
    let sealed = auth.seal("ticket", &ana, b"payload", HOUR);
    assert_eq!(auth.unseal("ticket", &ana, &sealed).unwrap(), b"payload");
    assert_eq!(auth.unseal("ticket", &ben, &sealed), Err(SealError::Foreign));
    assert_eq!(auth.unseal("handle", &ana, &sealed), Err(SealError::Foreign));
    assert_eq!(Authenticator::open().unseal("ticket", &ana, &sealed), Err(SealError::Foreign));
    for byte in 0..sealed.len() {
        let mut changed = sealed.clone();
        changed[byte] ^= 1;
        assert!(auth.unseal("ticket", &ana, &changed).is_err(), "byte {byte}");
        assert!(auth.unseal("ticket", &ana, &sealed[..byte]).is_err(), "cut to {byte}");
    }
    assert_eq!(auth.unseal("ticket", &ana, b""), Err(SealError::Malformed));
    NOW.store(3_600_000, Ordering::SeqCst);
    assert_eq!(auth.unseal("ticket", &ana, &sealed), Err(SealError::Expired));
}

#[tokio::test]
async fn without_credentials_everybody_is_local() {
    let auth = Authenticator::open();
    assert_eq!(auth.authenticate(&header("Basic nonsense")).await.unwrap(), Principal::local());
    assert_eq!(auth.token(&auth.issue(&Principal::local()).text).unwrap(), Principal::local());
}

#[test]
fn certificates_name_their_user() {
    let auth = authenticator(SigningKey::random(), frozen);
    assert_eq!(auth.certificate("etl").unwrap().user, "etl");
    assert_eq!(auth.certificate("stranger"), Err(Denied::UnknownCertificate));
}

#[test]
fn what_is_wrong_with_credentials_is_named_and_not_shown() {
    let wrong = |text: &str| {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("credentials.toml");
        std::fs::write(&path, text).unwrap();
        let error = Credentials::of_file(&path).and_then(|credentials| credentials.check().map(|_| ())).unwrap_err();
        let said = format!("{error} {error:?}");
        assert!(!said.contains("hunter2"), "{said}");
        error.to_string()
    };
    assert!(wrong("[users.ana]\npassword = \"hunter2\"\n").contains("`ana`"));
    assert!(wrong("[users.ana]\npassword = \"hunter2\n").contains("line 2"));
    assert!(wrong("[users.ana]\npasswort = \"hunter2\"\n").contains("line 2"));
    assert!(wrong("[users]\nana = \"hunter2\"\n").contains("wrong kind, expected"));
    assert!(wrong("[users.\"a:b\"]\n").contains("no user name"));
    assert!(wrong("[users.a]\n[tokens.t]\nuser = \"a\"\nsha256 = \"hunter2\"\n").contains("`t`"));
    let sha256 = NewToken::random().sha256;
    assert!(wrong(&format!("[tokens.t]\nuser = \"x\"\nsha256 = \"{sha256}\"\n")).contains("`x`"));
    assert!(wrong("[tokens.t]\nuser = \"a\"\nexpires = \"tomorrow\"\n").contains("2027-01-31"));
}

#[test]
fn nothing_secret_has_a_text() {
    let token = NewToken::random();
    let mut credentials = credentials();
    let hash = credentials.users["ana"].password.clone().unwrap();
    credentials.tokens.insert(
        "t".to_owned(),
        TokenEntry { user: "etl".to_owned(), sha256: Some(Secret::new(&token.sha256)), expires: None },
    );
    let written = serde_json::to_string(&credentials).unwrap();
    let auth = of(credentials, SigningKey::of_text("shared-key"), frozen);
    let issued = auth.issue(&Principal::user("ana"));
    let shown = format!("{auth:?} {written} {issued:?}");
    for secret in [hash.expose(), &token.sha256, &token.text, &issued.text, "shared-key"] {
        assert!(!shown.contains(secret), "{shown}");
    }
}

fn authenticator(key: SigningKey, clock: fn() -> i64) -> Authenticator {
    of(credentials(), key, clock)
}

fn of(credentials: Credentials, key: SigningKey, clock: fn() -> i64) -> Authenticator {
    Authenticator::new(AuthenticatorSettings { credentials, key, token_lifetime: HOUR, clock }).unwrap()
}

/// The same for every call, so that one server's tokens are another's.
fn credentials() -> Credentials {
    static HASH: std::sync::LazyLock<String> = std::sync::LazyLock::new(|| hash_password("right").unwrap());
    let user = |password: Option<&str>, workgroup: Option<&str>| UserEntry {
        password: password.map(Secret::new),
        workgroup: workgroup.map(ToOwned::to_owned),
    };
    let users =
        [("ana", user(Some(&HASH), Some("analysts"))), ("ben", user(Some(&HASH), None)), ("etl", user(None, None))];
    Credentials { users: users.map(|(name, user)| (name.to_owned(), user)).into(), ..Credentials::default() }
}

fn frozen() -> i64 {
    1_000_000
}

fn header(authorization: &str) -> HeaderMap {
    let mut headers = HeaderMap::new();
    headers.insert(http::header::AUTHORIZATION, authorization.parse().unwrap());
    headers
}

fn base64_of(text: &str) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::STANDARD.encode(text)
}

fn base64_url_of(text: &str) -> String {
    use base64::Engine as _;
    base64::engine::general_purpose::URL_SAFE_NO_PAD.encode(text)
}
