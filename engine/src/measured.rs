//! Inner parts that `arachne-bench` measures by themselves. They are no interface: nothing else uses them, and they change with what
//! they wrap.

pub use crate::exchange::measured::ExchangeTrial;
pub use crate::planner::distributed::measured::FragmentTrial;
