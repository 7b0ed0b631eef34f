//! Conditional requests, judged as S3 and RFC 9110 section 13.2.2 say. Pure: no store, no clock.

use http::{HeaderMap, HeaderValue, header};
use s3s::dto::{ETag, ETagCondition, Timestamp, TimestampFormat};
use s3s::{S3Error, S3ErrorCode, S3Result, s3_error};

use super::store::ObjectInfo;

/// The conditions of a read (GET, HEAD, or the source of a copy).
#[derive(Debug, Clone, Default)]
pub(crate) struct ReadConditions {
    pub(crate) if_match: Option<ETagCondition>,
    pub(crate) if_none_match: Option<ETagCondition>,
    pub(crate) if_modified_since: Option<Timestamp>,
    pub(crate) if_unmodified_since: Option<Timestamp>,
}

impl ReadConditions {
    /// Passes when the object may be sent; 412 `PreconditionFailed` or 304 `NotModified` otherwise.
    pub(crate) fn check(&self, object: &ObjectInfo) -> S3Result<()> {
        let modified = object.last_modified();
        // An ETag condition outranks its date condition: that is then not looked at.
        let wanted = match (&self.if_match, &self.if_unmodified_since) {
            (Some(condition), _) => matches(condition, object),
            (None, Some(since)) => modified <= *since,
            (None, None) => true,
        };
        if !wanted {
            return Err(precondition_failed());
        }
        let fresh = match (&self.if_none_match, &self.if_modified_since) {
            (Some(condition), _) => matches(condition, object),
            (None, Some(since)) => modified <= *since,
            (None, None) => false,
        };
        if fresh { Err(not_modified(object)) } else { Ok(()) }
    }

    /// As [`check`](Self::check), for the source of a copy: S3 answers 412 there, never 304.
    pub(crate) fn check_source(&self, object: &ObjectInfo) -> S3Result<()> {
        self.check(object).map_err(|_| precondition_failed())
    }
}

/// The condition of a write, judged against what the key holds when the new object takes its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum WriteCondition {
    Always,
    /// `If-None-Match: *`
    Absent,
    /// `If-Match`
    Matches(ETagCondition),
}

impl WriteCondition {
    pub(crate) fn new(if_match: Option<ETagCondition>, if_none_match: Option<ETagCondition>) -> S3Result<Self> {
        match (if_match, if_none_match) {
            (None, None) => Ok(Self::Always),
            (Some(condition), None) => Ok(Self::Matches(condition)),
            (None, Some(ETagCondition::Any)) => Ok(Self::Absent),
            (None, Some(ETagCondition::ETag(_))) => {
                Err(s3_error!(NotImplemented, "If-None-Match of a write takes * only"))
            }
            (Some(_), Some(_)) => Err(s3_error!(NotImplemented, "If-Match and If-None-Match exclude each other")),
        }
    }

    pub(crate) fn check(&self, current: Option<&ObjectInfo>) -> S3Result<()> {
        match (self, current) {
            (Self::Always, _) | (Self::Absent, None) => Ok(()),
            (Self::Absent, Some(_)) => Err(precondition_failed()),
            (Self::Matches(_), None) => Err(s3_error!(NoSuchKey, "The specified key does not exist.")),
            (Self::Matches(condition), Some(object)) if matches(condition, object) => Ok(()),
            (Self::Matches(_), Some(_)) => Err(precondition_failed()),
        }
    }
}

fn matches(condition: &ETagCondition, object: &ObjectInfo) -> bool {
    match condition {
        ETagCondition::Any => true,
        ETagCondition::ETag(etag) => etag.value() == object.etag,
    }
}

fn precondition_failed() -> S3Error {
    s3_error!(PreconditionFailed, "At least one of the pre-conditions you specified did not hold")
}

/// 304 carries the validators, so that a cache can renew what it holds.
fn not_modified(object: &ObjectInfo) -> S3Error {
    let mut headers = HeaderMap::new();
    if let Ok(etag) = ETag::Strong(object.etag.clone()).to_http_header() {
        headers.insert(header::ETAG, etag);
    }
    let mut date = Vec::new();
    if object.last_modified().format(TimestampFormat::HttpDate, &mut date).is_ok()
        && let Ok(date) = HeaderValue::try_from(date)
    {
        headers.insert(header::LAST_MODIFIED, date);
    }
    let mut error = S3Error::new(S3ErrorCode::NotModified);
    error.set_headers(headers);
    error
}

#[cfg(test)]
mod tests {
    use super::*;

    const MODIFIED: i64 = 1_700_000_000;

    fn object() -> ObjectInfo {
        ObjectInfo { etag: "abc".to_owned(), modified: MODIFIED, ..ObjectInfo::default() }
    }

    fn tag(value: &str) -> Option<ETagCondition> {
        Some(ETagCondition::ETag(ETag::Strong(value.to_owned())))
    }

    fn date(offset: i64) -> Option<Timestamp> {
        ObjectInfo { modified: MODIFIED + offset, ..ObjectInfo::default() }.last_modified().into()
    }

    fn status(conditions: ReadConditions) -> u16 {
        match conditions.check(&object()) {
            Ok(()) => 200,
            Err(error) => error.status_code().unwrap().as_u16(),
        }
    }

    #[test]
    fn read_conditions() {
        let none = ReadConditions::default;
        assert_eq!(status(none()), 200);
        assert_eq!(status(ReadConditions { if_match: tag("abc"), ..none() }), 200);
        assert_eq!(status(ReadConditions { if_match: tag("abd"), ..none() }), 412);
        assert_eq!(status(ReadConditions { if_none_match: tag("abc"), ..none() }), 304);
        assert_eq!(status(ReadConditions { if_none_match: tag("abd"), ..none() }), 200);
        assert_eq!(status(ReadConditions { if_none_match: Some(ETagCondition::Any), ..none() }), 304);
        assert_eq!(status(ReadConditions { if_modified_since: date(0), ..none() }), 304);
        assert_eq!(status(ReadConditions { if_modified_since: date(-1), ..none() }), 200);
        assert_eq!(status(ReadConditions { if_unmodified_since: date(0), ..none() }), 200);
        assert_eq!(status(ReadConditions { if_unmodified_since: date(-1), ..none() }), 412);
    }

    #[test]
    fn an_etag_outranks_a_date() {
        let none = ReadConditions::default;
        assert_eq!(status(ReadConditions { if_match: tag("abc"), if_unmodified_since: date(-1), ..none() }), 200);
        assert_eq!(status(ReadConditions { if_none_match: tag("abd"), if_modified_since: date(0), ..none() }), 200);
    }

    #[test]
    fn a_copy_source_is_never_304() {
        let conditions = ReadConditions { if_none_match: tag("abc"), ..ReadConditions::default() };
        let error = conditions.check_source(&object()).unwrap_err();
        assert_eq!(*error.code(), S3ErrorCode::PreconditionFailed);
    }

    #[test]
    fn write_conditions() {
        let code = |condition: &WriteCondition, current: Option<&ObjectInfo>| {
            condition.check(current).err().map(|error| error.code().as_str().to_owned())
        };
        let object = object();
        let matching = WriteCondition::new(tag("abc"), None).unwrap();
        let other = WriteCondition::new(tag("abd"), None).unwrap();
        let absent = WriteCondition::new(None, Some(ETagCondition::Any)).unwrap();
        assert_eq!(code(&matching, Some(&object)), None);
        assert_eq!(code(&other, Some(&object)).as_deref(), Some("PreconditionFailed"));
        assert_eq!(code(&other, None).as_deref(), Some("NoSuchKey"));
        assert_eq!(code(&absent, None), None);
        assert_eq!(code(&absent, Some(&object)).as_deref(), Some("PreconditionFailed"));
        assert!(WriteCondition::new(None, tag("abc")).is_err());
    }
}
