//! How callers name a function: `name`, `name:qualifier`, `account:function:name`, or its ARN.

/// The account in this server's ARNs.
pub(super) const ACCOUNT: &str = "000000000000";

/// The only version there is.
pub(super) const LATEST: &str = "$LATEST";

pub(super) fn arn(region: &str, function: &str) -> String {
    format!("arn:aws:lambda:{region}:{ACCOUNT}:function:{function}")
}

/// A function's name without its region and account.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct FunctionName<'a> {
    pub(super) name: &'a str,
    pub(super) qualifier: Option<&'a str>,
}

impl<'a> FunctionName<'a> {
    /// Takes the last segment of a request path, already percent-decoded.
    pub(super) fn parse(text: &'a str) -> Self {
        let after_account = text.split_once(":function:").map_or(text, |(_, rest)| rest);
        match after_account.split_once(':') {
            Some((name, qualifier)) => Self { name, qualifier: Some(qualifier) },
            None => Self { name: after_account, qualifier: None },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_documented_form_names_the_function() {
        let plain = FunctionName { name: "worker", qualifier: None };
        let live = FunctionName { name: "worker", qualifier: Some("live") };
        assert_eq!(FunctionName::parse("worker"), plain);
        assert_eq!(FunctionName::parse("worker:live"), live);
        assert_eq!(FunctionName::parse("000000000000:function:worker"), plain);
        assert_eq!(FunctionName::parse(&arn("eu-central-1", "worker")), plain);
        assert_eq!(FunctionName::parse("arn:aws:lambda:eu-central-1:000000000000:function:worker:live"), live);
    }
}
