//! What can be set, and where each value may come from.
//!
//! Defaults < file < environment (`ARACHNE_SECTION__KEY`) < flag. Every value is checked on its own, so that a mistake
//! is reported with its key and with the place it was made.

mod access;
mod doors;
mod layers;
mod quantity;
mod sections;

pub use access::{AccessSettings, GrantEntry, LocationSettings, WorkgroupEntry};
pub use doors::{FlightSqlSettings, HttpSettings, ShutdownSettings, TelemetrySettings, TlsSettings};
pub use layers::{Override, SettingsError, Sources};
pub use quantity::{ByteSize, HumanDuration, ParseQuantityError};
pub use sections::{
    CatalogSettings, ComputeSettings, ExchangeSettings, HistorySettings, LambdaSection, LimitSettings, PriceSettings,
    ResultSettings, Settings,
};

#[cfg(test)]
mod tests;
