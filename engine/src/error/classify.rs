//! What the libraries' errors mean to a user of the engine.

use arrow::error::ArrowError;
use datafusion::common::SchemaError;
use datafusion::error::DataFusionError;
use parquet::errors::ParquetError;

use super::s3_answer::S3Answer;
use super::{Error, ErrorCode};

type Source<'a> = &'a (dyn std::error::Error + 'static);

/// Finds the error of ours, or of the object store, that lies under any number of wrappers, else judges the outermost kind.
pub(super) fn datafusion(error: &DataFusionError) -> Error {
    if let Some(known) = known_source(error) {
        return known;
    }
    let code = match error.find_root() {
        #[cfg(feature = "coordinator")]
        DataFusionError::SQL(..) => ErrorCode::Syntax,
        DataFusionError::Plan(_) => ErrorCode::Syntax,
        DataFusionError::SchemaError(schema, _) => match schema.as_ref() {
            SchemaError::FieldNotFound { .. } => ErrorCode::NotFound,
            _ => ErrorCode::Syntax,
        },
        DataFusionError::ResourcesExhausted(_) => ErrorCode::ResourceExhausted,
        DataFusionError::NotImplemented(_) => ErrorCode::NotSupported,
        DataFusionError::Configuration(_) => ErrorCode::InvalidArgument,
        DataFusionError::ParquetError(_) => ErrorCode::InvalidData,
        DataFusionError::ArrowError(arrow, _) => arrow_code(arrow),
        DataFusionError::Execution(_) => ErrorCode::InvalidData,
        DataFusionError::IoError(_) => ErrorCode::Unavailable,
        _ => ErrorCode::Internal,
    };
    Error::new(code, error.strip_backtrace())
}

fn arrow_code(error: &ArrowError) -> ErrorCode {
    match error {
        ArrowError::NotYetImplemented(_) => ErrorCode::NotSupported,
        ArrowError::MemoryError(_) => ErrorCode::ResourceExhausted,
        ArrowError::IoError(..) => ErrorCode::Unavailable,
        _ => ErrorCode::InvalidData,
    }
}

fn known_source(error: Source<'_>) -> Option<Error> {
    let mut next = Some(error);
    while let Some(current) = next {
        if let Some(ours) = current.downcast_ref::<Error>() {
            return Some(ours.clone());
        }
        if let Some(store) = current.downcast_ref::<object_store::Error>() {
            return Some(object_store(store));
        }
        next = inner(current);
    }
    None
}

/// `Error::source` of several wrappers skips the error that they hold, so those are opened by hand.
fn inner<'a>(error: Source<'a>) -> Option<Source<'a>> {
    if let Some(error) = error.downcast_ref::<DataFusionError>() {
        return match error {
            DataFusionError::External(inner) => Some(inner.as_ref()),
            DataFusionError::ArrowError(inner, _) => Some(inner.as_ref()),
            DataFusionError::ParquetError(inner) => Some(inner.as_ref()),
            DataFusionError::ObjectStore(inner) => Some(inner.as_ref()),
            DataFusionError::Context(_, inner) | DataFusionError::Diagnostic(_, inner) => Some(inner.as_ref()),
            DataFusionError::Shared(inner) => Some(inner.as_ref()),
            DataFusionError::Collection(all) => all.first().map(|first| first as Source<'a>),
            other => std::error::Error::source(other),
        };
    }
    if let Some(ArrowError::ExternalError(inner)) = error.downcast_ref::<ArrowError>() {
        return Some(inner.as_ref());
    }
    if let Some(ParquetError::External(inner)) = error.downcast_ref::<ParquetError>() {
        return Some(inner.as_ref());
    }
    if let Some(io) = error.downcast_ref::<std::io::Error>() {
        return io.get_ref().map(|inner| inner as Source<'a>);
    }
    error.source()
}

const DENIED_HINT: &str = "the credentials need s3:GetObject on the objects and s3:ListBucket on the bucket";

/// The object store's own kinds; the rest is told apart by the S3 error code in the answer.
pub(super) fn object_store(error: &object_store::Error) -> Error {
    use object_store::Error as E;
    if let Some(ours) = carried(error) {
        return ours;
    }
    let text = error_chain(error);
    match error {
        E::NotFound { .. } if text.contains("<Code>NoSuchBucket<") => generic_store(&text),
        E::NotFound { path, .. } => Error::new(ErrorCode::NotFound, format!("no object at {path}")),
        E::Precondition { path, .. } => {
            Error::new(ErrorCode::InvalidData, format!("{path} changed while the query was reading it"))
                .with_hint("run the query again; it will read the new version")
        }
        E::AlreadyExists { path, .. } => Error::new(ErrorCode::AlreadyExists, format!("{path} exists already")),
        E::PermissionDenied { path, .. } => {
            Error::new(ErrorCode::PermissionDenied, format!("access denied to {path}")).with_hint(DENIED_HINT)
        }
        E::Unauthenticated { path, .. } => {
            Error::new(ErrorCode::PermissionDenied, format!("S3 did not accept the credentials for {path}"))
        }
        E::NotImplemented { .. } | E::NotSupported { .. } => Error::new(ErrorCode::NotSupported, text),
        E::InvalidPath { .. } => Error::new(ErrorCode::InvalidArgument, text),
        _ => generic_store(&text),
    }
}

/// An error of ours that a store wrapper had to put into the object store's type.
fn carried(error: Source<'_>) -> Option<Error> {
    let mut next = error.source();
    while let Some(current) = next {
        if let Some(ours) = current.downcast_ref::<Error>() {
            return Some(ours.clone());
        }
        next = current.source();
    }
    None
}

/// What has no kind of its own in the object store is told apart by S3's code, or by the HTTP status.
fn generic_store(text: &str) -> Error {
    if let Some(answer) = S3Answer::find(text) {
        return answered(&answer);
    }
    if text.contains("169.254.169.254") || text.contains("169.254.170.2") {
        return Error::new(ErrorCode::PermissionDenied, "no AWS credentials found")
            .with_hint("set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or run where a role is attached");
    }
    let status = |code: &str| text.contains(&format!("status code: {code}"));
    let code = if status("503") || status("429") { ErrorCode::Throttled } else { ErrorCode::Unavailable };
    Error::new(code, text)
}

fn answered(answer: &S3Answer<'_>) -> Error {
    let error = |code| Error::new(code, answer.text());
    match answer.code {
        "NoSuchBucket" => error(ErrorCode::NotFound)
            .with_hint("the bucket does not exist in this account or region; check the name in the LOCATION"),
        "InvalidBucketName" => error(ErrorCode::InvalidArgument)
            .with_hint("the name of a bucket has 3 to 63 small letters, digits, dots and hyphens; check the LOCATION"),
        // A listing that is refused comes as a generic error, unlike an object that is.
        "AccessDenied" => error(ErrorCode::PermissionDenied).with_hint(DENIED_HINT),
        "SignatureDoesNotMatch" | "InvalidAccessKeyId" | "ExpiredToken" | "InvalidToken" => {
            error(ErrorCode::PermissionDenied)
                .with_hint("check AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY and AWS_SESSION_TOKEN")
        }
        "SlowDown" | "ThrottlingException" | "RequestLimitExceeded" => error(ErrorCode::Throttled),
        "InvalidRange" | "PreconditionFailed" => error(ErrorCode::InvalidData)
            .with_hint("the object is not what the query knew it to be; run the query again"),
        "PermanentRedirect" | "AuthorizationHeaderMalformed" => error(ErrorCode::InvalidArgument)
            .with_hint("the bucket is in another region: set storage.region (ARACHNE_STORAGE__REGION) or AWS_REGION"),
        _ => error(ErrorCode::Unavailable),
    }
}

/// Every message of the chain that the one before it does not already repeat.
fn error_chain(error: Source<'_>) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(current) = next {
        let part = current.to_string();
        if !text.contains(&part) {
            text.push_str(": ");
            text.push_str(&part);
        }
        next = current.source();
    }
    text
}
