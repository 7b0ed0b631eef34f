//! On whose behalf something is done.

use serde::{Deserialize, Serialize};

const LOCAL_USER: &str = "local";
const PRIMARY_WORKGROUP: &str = "primary";

/// A user, and the workgroup whose limits hold and whose money is spent. Names are compared as they are written.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Principal {
    pub user: String,
    pub workgroup: String,
}

impl Principal {
    /// A user of the workgroup `primary`.
    pub fn user(name: impl Into<String>) -> Self {
        Self { user: name.into(), workgroup: PRIMARY_WORKGROUP.to_owned() }
    }

    /// Whoever uses a program on the machine itself, without credentials.
    pub fn local() -> Self {
        Self::user(LOCAL_USER)
    }
}

impl Default for Principal {
    fn default() -> Self {
        Self::local()
    }
}
