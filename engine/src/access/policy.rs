//! Who may read, change and administer which databases, tables and locations.

use std::fmt;
use std::str::FromStr;

use super::Principal;
use super::locations::Prefix;
use crate::error::{Error, ErrorCode, Result};
use crate::glob::fits;

/// What a grant allows; a higher level holds the lower ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Level {
    /// See it and query it.
    Read,
    /// Create, change and drop tables and partitions.
    Write,
    /// Create, change and drop databases. On `*`: see and cancel everybody's queries, and change any setting for a query.
    Admin,
}

/// To whom something is granted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Grantee {
    User(String),
    Workgroup(String),
    Everyone,
}

/// On what: `*` is everything, `sales.*` a database and its tables, `sales.orders` a table; `*` stands for any characters within
/// either name. `s3://bucket/prefix/` is what lies below a location.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pattern(Kind);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Kind {
    Everything,
    Tables { database: String, table: String },
    Location(Prefix),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grant {
    pub to: Grantee,
    pub on: Pattern,
    pub level: Level,
}

/// Grants add up; what nobody has granted is not allowed. By default [`open`](Self::open).
#[derive(Debug, Clone, Default)]
pub struct Policy {
    /// None: there is no policy.
    grants: Option<Vec<Grant>>,
}

impl Policy {
    /// Lets everybody do everything.
    pub fn open() -> Self {
        Self { grants: None }
    }

    pub fn new(grants: Vec<Grant>) -> Self {
        Self { grants: Some(grants) }
    }

    pub fn is_open(&self) -> bool {
        self.grants.is_none()
    }

    /// The highest level that is granted on a table, or on a database as a whole.
    pub fn level(&self, principal: &Principal, database: &str, table: Option<&str>) -> Option<Level> {
        self.highest(principal, |on| on.holds(database, table))
    }

    /// Whether a database may be seen: something in it, or it as a whole, may be read.
    pub fn sees(&self, principal: &Principal, database: &str) -> bool {
        self.highest(principal, |on| on.touches(database)).is_some()
    }

    /// Whether the principal may do what concerns everything and everybody.
    pub fn is_admin(&self, principal: &Principal) -> bool {
        self.highest(principal, |on| on.0 == Kind::Everything) == Some(Level::Admin)
    }

    /// The highest level that is granted on what lies at a location, or below it.
    pub(super) fn level_at(&self, principal: &Principal, location: &Prefix) -> Option<Level> {
        self.highest(principal, |on| match &on.0 {
            Kind::Everything => true,
            Kind::Location(prefix) => prefix.holds(location),
            Kind::Tables { .. } => false,
        })
    }

    fn highest(&self, principal: &Principal, wanted: impl Fn(&Pattern) -> bool) -> Option<Level> {
        let Some(grants) = &self.grants else { return Some(Level::Admin) };
        let theirs = grants.iter().filter(|grant| grant.to.means(principal) && wanted(&grant.on));
        theirs.map(|grant| grant.level).max()
    }
}

impl Grantee {
    fn means(&self, principal: &Principal) -> bool {
        match self {
            Self::User(name) => *name == principal.user,
            Self::Workgroup(name) => *name == principal.workgroup,
            Self::Everyone => true,
        }
    }
}

impl Pattern {
    /// `*`.
    pub fn everything() -> Self {
        Self(Kind::Everything)
    }

    /// Names are in lower case in the catalog, so they are compared so.
    fn holds(&self, database: &str, table: Option<&str>) -> bool {
        match (&self.0, table) {
            (Kind::Everything, _) => true,
            (Kind::Tables { database: databases, table: tables }, None) => {
                tables == "*" && fits(databases, &database.to_lowercase())
            }
            (Kind::Tables { database: databases, table: tables }, Some(table)) => {
                fits(databases, &database.to_lowercase()) && fits(tables, &table.to_lowercase())
            }
            (Kind::Location(_), _) => false,
        }
    }

    fn touches(&self, database: &str) -> bool {
        match &self.0 {
            Kind::Everything => true,
            Kind::Tables { database: databases, .. } => fits(databases, &database.to_lowercase()),
            Kind::Location(_) => false,
        }
    }
}

impl FromStr for Pattern {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let wrong = || {
            Error::new(ErrorCode::InvalidArgument, format!("'{text}' is no pattern of a grant"))
                .with_hint("use *, database.*, database.table, or s3://bucket/prefix/")
        };
        if text == "*" {
            return Ok(Self(Kind::Everything));
        }
        if text.contains("://") {
            return Ok(Self(Kind::Location(text.parse()?)));
        }
        let (database, table) = text.split_once('.').ok_or_else(wrong)?;
        if database.is_empty() || table.is_empty() || text.contains(['/', ' ']) {
            return Err(wrong());
        }
        Ok(Self(Kind::Tables { database: database.to_lowercase(), table: table.to_lowercase() }))
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Kind::Everything => f.write_str("*"),
            Kind::Tables { database, table } => write!(f, "{database}.{table}"),
            Kind::Location(prefix) => write!(f, "{prefix}"),
        }
    }
}

impl FromStr for Level {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        match text {
            "read" => Ok(Self::Read),
            "write" => Ok(Self::Write),
            "admin" => Ok(Self::Admin),
            other => Err(Error::new(ErrorCode::InvalidArgument, format!("'{other}' is no level of a grant"))
                .with_hint("use read, write or admin")),
        }
    }
}

impl fmt::Display for Level {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Read => "read",
            Self::Write => "write",
            Self::Admin => "admin",
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn grants_add_up_and_the_highest_counts() {
        let policy = Policy::new(vec![
            grant(Grantee::Everyone, "shared.*", Level::Read),
            grant(Grantee::Workgroup("etl".to_owned()), "shared.*", Level::Write),
            grant(Grantee::User("ann".to_owned()), "hr.salaries", Level::Read),
            grant(Grantee::User("root".to_owned()), "*", Level::Admin),
        ]);
        let (ann, bob, root) = (Principal::user("ann"), in_workgroup("bob", "etl"), Principal::user("root"));
        assert_eq!(policy.level(&ann, "Shared", Some("T")), Some(Level::Read));
        assert_eq!(policy.level(&bob, "shared", Some("t")), Some(Level::Write));
        assert_eq!(policy.level(&ann, "hr", Some("salaries")), Some(Level::Read));
        assert_eq!(policy.level(&ann, "hr", Some("people")), None);
        assert_eq!(policy.level(&ann, "hr", None), None);
        assert!(policy.sees(&ann, "hr") && !policy.sees(&bob, "hr"));
        assert_eq!(policy.level(&root, "any", None), Some(Level::Admin));
        assert!(policy.is_admin(&root) && !policy.is_admin(&ann) && Policy::open().is_admin(&ann));
    }

    #[test]
    fn admin_of_every_database_is_not_admin_of_everything() {
        let policy = Policy::new(vec![grant(Grantee::Everyone, "*.*", Level::Admin)]);
        assert!(!policy.is_admin(&Principal::local()));
        assert_eq!(policy.level(&Principal::local(), "a", None), Some(Level::Admin));
    }

    #[test]
    fn a_policy_without_grants_allows_nothing() {
        assert_eq!(Policy::new(vec![]).level(&Principal::local(), "default", None), None);
        assert_eq!(Policy::default().level(&Principal::local(), "default", None), Some(Level::Admin));
    }

    #[test]
    fn patterns_are_read_and_written() {
        for text in ["*", "sales.*", "sales.orders", "dev_*.tmp_*", "s3://bucket/a/"] {
            assert_eq!(text.parse::<Pattern>().unwrap().to_string(), text);
        }
        for text in ["", "sales", ".t", "a.", "a b.c", "gopher:x", "s3://"] {
            assert_eq!(text.parse::<Pattern>().unwrap_err().code, ErrorCode::InvalidArgument, "{text}");
        }
    }

    #[test]
    fn a_location_is_granted_with_all_below_it() {
        let policy = Policy::new(vec![grant(Grantee::Everyone, "s3://lake/sales/", Level::Read)]);
        let at = |text: &str| policy.level_at(&Principal::local(), &text.parse().unwrap());
        assert_eq!(at("s3://lake/sales/2024/"), Some(Level::Read));
        assert_eq!(at("s3://lake/salaries/"), None);
        assert_eq!(at("s3://lake/"), None);
    }

    fn grant(to: Grantee, on: &str, level: Level) -> Grant {
        Grant { to, on: on.parse().unwrap(), level }
    }

    fn in_workgroup(user: &str, workgroup: &str) -> Principal {
        Principal { user: user.to_owned(), workgroup: workgroup.to_owned() }
    }
}
