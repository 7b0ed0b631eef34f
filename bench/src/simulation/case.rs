//! What is simulated: how many tasks of what size, on what account.

use serde::Serialize;

use super::conditions::Conditions;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub(super) struct Case {
    pub(super) setup: Setup,
    pub(super) tasks: u32,
    /// Of table data, for each task.
    pub(super) bytes: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum Setup {
    /// The engine's defaults on an account's defaults.
    AsInstalled,
    /// All that an account may run by default.
    WholeAccount,
    WholeAccountWarm,
    /// An account whose limit was raised.
    Raised,
    RaisedWarm,
    /// The engine believes that it may run ten times what the account allows.
    BeyondTheAccount,
}

/// The environments that one function can hold in a raised account, and a default one.
const RAISED: usize = 10_000;
const DEFAULT: usize = 1_000;

impl Setup {
    pub(super) const ALL: [Self; 6] = [
        Self::AsInstalled,
        Self::WholeAccount,
        Self::WholeAccountWarm,
        Self::Raised,
        Self::RaisedWarm,
        Self::BeyondTheAccount,
    ];

    pub(super) fn title(self) -> &'static str {
        match self {
            Self::AsInstalled => "As installed, cold: concurrency 1,000, `max_in_flight` 256",
            Self::WholeAccount => "A default account used whole, cold: concurrency 1,000, `max_in_flight` 1,000",
            Self::WholeAccountWarm => "The same with 1,000 warm environments",
            Self::Raised => "A raised account, cold: concurrency 10,000, `max_in_flight` 10,000",
            Self::RaisedWarm => "The same with 10,000 warm environments",
            Self::BeyondTheAccount => "Asking for more than there is, cold: concurrency 1,000, `max_in_flight` 10,000",
        }
    }

    pub(super) fn conditions(self) -> Conditions {
        match self {
            Self::AsInstalled => Conditions::new(DEFAULT, 256, 0),
            Self::WholeAccount => Conditions::new(DEFAULT, DEFAULT, 0),
            Self::WholeAccountWarm => Conditions::new(DEFAULT, DEFAULT, DEFAULT),
            Self::Raised => Conditions::new(RAISED, RAISED, 0),
            Self::RaisedWarm => Conditions::new(RAISED, RAISED, RAISED),
            Self::BeyondTheAccount => Conditions::new(DEFAULT, RAISED, 0),
        }
    }
}
