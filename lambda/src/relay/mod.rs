//! Two-level invocation: one call of the coordinator starts many workers.
//!
//! A coordinator that calls a thousand functions by itself holds a thousand connections, and the last function starts seconds after
//! the first (Lambada, <https://arxiv.org/abs/1912.00937>, section 3.1: 3.4 to 4.4 s for 1,000 workers from one driver, 2.5 s in two
//! levels). Above a limit, [`TwoLevelInvoker`] therefore sends task requests in groups. The worker that gets a group ([`Relay`])
//! calls the same function for each of the others, does the first task itself meanwhile, and answers for all.
//!
//! The group is a matter of transport alone: each request, answer, bill and failure is that of its own attempt.

mod fan_out;
mod message;
#[cfg(feature = "invoker")]
mod two_level;

pub(crate) use fan_out::Relay;
pub(crate) use message::RelayRequest;
#[cfg(feature = "invoker")]
pub use two_level::{TwoLevelInvoker, TwoLevelSettings};

#[cfg(test)]
mod tests;
