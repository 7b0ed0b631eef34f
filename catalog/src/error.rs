//! Why a catalog call failed.

pub type Result<T, E = CatalogError> = std::result::Result<T, E>;

/// A coarse kind, a message for people, and the place in the statement where there is one.
#[derive(Debug, Clone, thiserror::Error, PartialEq, Eq)]
#[error("{message}")]
pub struct CatalogError {
    pub kind: CatalogErrorKind,
    pub message: String,
    pub position: Option<Position>,
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
    /// Somebody may see it and not change it.
    PermissionDenied,
    /// The store behind the catalog did not answer.
    Unavailable,
}

/// A place in a statement: both 1-based, columns counted in characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Position {
    pub line: u64,
    pub column: u64,
}

impl Position {
    pub const START: Self = Self { line: 1, column: 1 };
}

impl CatalogError {
    pub fn new(kind: CatalogErrorKind, message: impl Into<String>) -> Self {
        Self { kind, message: message.into(), position: None }
    }

    pub fn invalid(message: impl Into<String>) -> Self {
        Self::new(CatalogErrorKind::Invalid, message)
    }

    /// Keeps a position that is already there: the innermost one is the most exact.
    pub fn at(mut self, position: Position) -> Self {
        self.position.get_or_insert(position);
        self
    }

    pub(crate) fn no_database(name: &str) -> Self {
        Self::new(CatalogErrorKind::NotFound, format!("database {name} does not exist"))
    }

    pub(crate) fn no_table(database: &str, name: &str) -> Self {
        Self::new(CatalogErrorKind::NotFound, format!("table {database}.{name} does not exist"))
    }

    pub(crate) fn no_partition(database: &str, table: &str, values: &[String]) -> Self {
        let values = values.join(", ");
        Self::new(CatalogErrorKind::NotFound, format!("table {database}.{table} has no partition ({values})"))
    }

    pub(crate) fn exists(what: impl std::fmt::Display) -> Self {
        Self::new(CatalogErrorKind::AlreadyExists, format!("{what} exists already"))
    }
}
