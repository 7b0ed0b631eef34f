//! Checks the SigV4 signature of a request
//! (<https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html>).
//!
//! Everything is checked but the age of the request, so that a machine with a wrong clock can be worked on.

use aws_sigv4::sign::v4::{calculate_signature, generate_signing_key};
use chrono::NaiveDateTime;
use http::HeaderMap;
use http::request::Parts;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use sha2::{Digest, Sha256};

use super::service_error::ServiceError;

/// RFC 3986's unreserved characters stay as they are.
const ESCAPED: AsciiSet = NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');
const ESCAPED_IN_PATH: AsciiSet = ESCAPED.remove(b'/');

/// The one pair of credentials that is known.
pub(super) struct Verifier {
    access_key: String,
    secret_key: String,
}

impl Verifier {
    pub(super) fn new(access_key: String, secret_key: String) -> Self {
        Self { access_key, secret_key }
    }

    pub(super) fn verify(&self, request: &Parts, body: &[u8]) -> Result<(), ServiceError> {
        let header = header(&request.headers, "authorization").ok_or(ServiceError::MissingAuthentication)?;
        let authorization = Authorization::parse(header).ok_or(ServiceError::MissingAuthentication)?;
        if authorization.access_key != self.access_key {
            return Err(ServiceError::UnknownAccessKey);
        }
        let expected = self.signature(&authorization, request, body).ok_or(ServiceError::InvalidSignature)?;
        if expected != authorization.signature {
            return Err(ServiceError::InvalidSignature);
        }
        Ok(())
    }

    /// None if the request lacks what it claims to have signed.
    fn signature(&self, authorization: &Authorization<'_>, request: &Parts, body: &[u8]) -> Option<String> {
        let timestamp = header(&request.headers, "x-amz-date")?;
        let time = NaiveDateTime::parse_from_str(timestamp, "%Y%m%dT%H%M%SZ").ok()?.and_utc();
        let Authorization { date, region, service, .. } = authorization;
        if !timestamp.starts_with(date) {
            return None;
        }
        let canonical = canonical_request(request, &authorization.signed_headers, body)?;
        let text = format!(
            "AWS4-HMAC-SHA256\n{timestamp}\n{date}/{region}/{service}/aws4_request\n{}",
            hex::encode(Sha256::digest(canonical.as_bytes()))
        );
        let key = generate_signing_key(&self.secret_key, time.into(), region, service);
        Some(calculate_signature(key, text.as_bytes()))
    }
}

/// The parts of `AWS4-HMAC-SHA256 Credential=.../date/region/service/aws4_request, SignedHeaders=a;b, Signature=...`.
struct Authorization<'a> {
    access_key: &'a str,
    date: &'a str,
    region: &'a str,
    service: &'a str,
    signed_headers: Vec<&'a str>,
    signature: &'a str,
}

impl<'a> Authorization<'a> {
    fn parse(header: &'a str) -> Option<Self> {
        let fields = header.strip_prefix("AWS4-HMAC-SHA256")?.trim();
        let field = |name: &str| fields.split(',').find_map(|field| field.trim().strip_prefix(name)?.strip_prefix('='));
        let mut scope = field("Credential")?.rsplitn(5, '/');
        let terminator = scope.next()?;
        let (service, region, date, access_key) = (scope.next()?, scope.next()?, scope.next()?, scope.next()?);
        if terminator != "aws4_request" {
            return None;
        }
        let signed_headers = field("SignedHeaders")?.split(';').collect();
        Some(Self { access_key, date, region, service, signed_headers, signature: field("Signature")? })
    }
}

fn canonical_request(request: &Parts, signed_headers: &[&str], body: &[u8]) -> Option<String> {
    // Every service but S3 has the path of the wire encoded once more.
    let path = utf8_percent_encode(request.uri.path(), &ESCAPED_IN_PATH);
    let mut headers = String::new();
    for &name in signed_headers {
        let mut values = request.headers.get_all(name).iter().peekable();
        values.peek()?;
        let values: Option<Vec<String>> = values.map(|value| Some(collapse_spaces(value.to_str().ok()?))).collect();
        headers.push_str(&format!("{name}:{}\n", values?.join(",")));
    }
    Some(format!(
        "{}\n{path}\n{}\n{headers}\n{}\n{}",
        request.method,
        canonical_query(request.uri.query().unwrap_or_default()),
        signed_headers.join(";"),
        hex::encode(Sha256::digest(body))
    ))
}

fn canonical_query(query: &str) -> String {
    let encode = |text: &str| utf8_percent_encode(&percent_decode_str(text).decode_utf8_lossy(), &ESCAPED).to_string();
    let mut pairs: Vec<(String, String)> = query
        .split('&')
        .filter(|pair| !pair.is_empty())
        .map(|pair| pair.split_once('=').unwrap_or((pair, "")))
        .map(|(name, value)| (encode(name), encode(value)))
        .collect();
    pairs.sort();
    pairs.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("&")
}

fn collapse_spaces(value: &str) -> String {
    value.split_ascii_whitespace().collect::<Vec<_>>().join(" ")
}

fn header<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok()
}
