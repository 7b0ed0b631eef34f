//! The coordinator's side: [`AwsInvoker`] calls the function through the AWS SDK.
//!
//! One call is one attempt. Nothing is retried here, not even by the SDK: the scheduler owns retries, and wants to know of
//! each failure and what it is billed as. `function_error` and `service_error` sort what can go wrong, `report` reads the bill.

mod aws_invoker;
mod function_error;
mod report;
mod service_error;
mod settings;
#[cfg(test)]
mod tests;

pub use aws_invoker::AwsInvoker;
pub use settings::{LambdaCredentials, LambdaSettings};
