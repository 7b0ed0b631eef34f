//! The S3 error that an object store's message quotes.

/// What S3 said, taken out of the client's text.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct S3Answer<'a> {
    /// S3's own code: `NoSuchBucket`, `AccessDenied`, ... (<https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html>).
    pub(super) code: &'a str,
    message: Option<&'a str>,
    /// Method and URL, without the query.
    request: Option<&'a str>,
}

impl<'a> S3Answer<'a> {
    /// `None` where S3 was not reached, or answered without a body.
    pub(super) fn find(text: &'a str) -> Option<Self> {
        let code = between(text, "<Code>", "</Code>")?;
        let request = between(text, "Error performing ", " in ").filter(|request| request.contains("://"));
        let request = request.map(|request| request.split('?').next().unwrap_or(request));
        Some(Self { code, message: between(text, "<Message>", "</Message>"), request })
    }

    /// One line for people.
    pub(super) fn text(&self) -> String {
        let mut text = format!("S3 answered {}", self.code);
        if let Some(message) = self.message {
            text.push_str(&format!(": {message}"));
        }
        if let Some(request) = self.request {
            text.push_str(&format!(" ({request})"));
        }
        text
    }
}

fn between<'a>(text: &'a str, start: &str, end: &str) -> Option<&'a str> {
    // The innermost "Error performing": wrappers repeat it.
    let from = text.rfind(start)? + start.len();
    let length = text[from..].find(end)?;
    Some(&text[from..from + length])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_answer_is_found_in_the_clients_text() {
        let text = "Generic S3 error: Error performing list request: Error performing GET http://127.0.0.1:9/nosuch?delimiter=%2F&prefix=x \
                    in 5.6ms - Server returned non-2xx status code: 404 Not Found: <?xml version=\"1.0\"?><Error><Code>NoSuchBucket</Code>\
                    <Message>The specified bucket does not exist</Message></Error>";
        let answer = S3Answer::find(text).unwrap();
        assert_eq!(
            answer.text(),
            "S3 answered NoSuchBucket: The specified bucket does not exist (GET http://127.0.0.1:9/nosuch)"
        );
        assert_eq!(S3Answer::find("Error performing GET http://x/503/credential in 3s: connection refused"), None);
    }
}
