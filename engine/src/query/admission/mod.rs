//! Who may run now: a bounded queue that is fair to its users.
//!
//! [`queue`] decides and knows neither clocks nor tasks; [`gate`] lets queries wait for its decisions.

mod gate;
mod queue;

pub use gate::Load;
pub(super) use gate::{Gate, Pass};
pub use queue::QueueLimits;
