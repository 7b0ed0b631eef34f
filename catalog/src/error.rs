//! Why a catalog call failed.

pub type Result<T, E = CatalogError> = std::result::Result<T, E>;

/// A coarse kind and a message for people.
#[derive(Debug, Clone, thiserror::Error, PartialEq, Eq)]
#[error("{message}")]
pub struct CatalogError {
    pub kind: CatalogErrorKind,
    pub message: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CatalogErrorKind {
    NotFound,
    AlreadyExists,
    /// A database that still holds tables.
    NotEmpty,
    /// A definition that contradicts itself, or a statement that cannot be read.
    Invalid,
    NotSupported,
    /// The store behind the catalog did not answer.
    Unavailable,
}

impl CatalogError {
    pub fn new(kind: CatalogErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into() }
    }
}
