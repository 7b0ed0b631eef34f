//! Pages that name the one after them, in the document and in the header `Link` (RFC 8288).

use axum::Json;
use axum::http::HeaderValue;
use axum::http::header::LINK;
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use url::form_urlencoded;

/// A page of a list.
pub(super) struct Page<T> {
    pub(super) document: T,
    pub(super) next: Option<String>,
}

impl<T: Serialize> IntoResponse for Page<T> {
    fn into_response(self) -> Response {
        with_next(Json(self.document).into_response(), self.next.as_deref())
    }
}

/// Adds the link to the next page, if there is one.
pub(super) fn with_next(mut response: Response, next: Option<&str>) -> Response {
    let link = next.and_then(|next| HeaderValue::from_str(&format!("<{next}>; rel=\"next\"")).ok());
    if let Some(link) = link {
        response.headers_mut().insert(LINK, link);
    }
    response
}

/// What follows the question mark.
pub(super) struct QueryString(form_urlencoded::Serializer<'static, String>);

impl Default for QueryString {
    fn default() -> Self {
        Self(form_urlencoded::Serializer::new(String::new()))
    }
}

impl QueryString {
    pub(super) fn of_part(offset: usize, limit: Option<usize>) -> Self {
        let mut query = Self::default();
        query.add("offset", Some(&offset.to_string()));
        query.add("limit", limit.map(|limit| limit.to_string()).as_deref());
        query
    }

    pub(super) fn add(&mut self, name: &str, value: Option<&str>) {
        if let Some(value) = value {
            self.0.append_pair(name, value);
        }
    }

    pub(super) fn after(mut self, path: &str) -> String {
        let query = self.0.finish();
        if query.is_empty() { path.to_owned() } else { format!("{path}?{query}") }
    }
}

/// A name as a part of a path.
pub(super) fn segment(name: &str) -> String {
    // Form encoding differs in the space alone.
    form_urlencoded::byte_serialize(name.as_bytes()).collect::<String>().replace('+', "%20")
}

/// The part of a list that is wanted, and whether more follows.
pub(super) fn cut<T>(mut all: Vec<T>, offset: usize, limit: usize) -> (Vec<T>, bool) {
    let mut rest = all.split_off(offset.min(all.len()));
    let more = rest.len() > limit;
    rest.truncate(limit);
    (rest, more)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_next_page_is_a_url() {
        let mut query = QueryString::default();
        query.add("user", Some("a b&c"));
        query.add("state", None);
        query.add("limit", Some("3"));
        assert_eq!(query.after("/v1/queries"), "/v1/queries?user=a+b%26c&limit=3");
        assert_eq!(segment("a b/c+d"), "a%20b%2Fc%2Bd");
        assert_eq!(QueryString::default().after("/v1/queries"), "/v1/queries");
    }

    #[test]
    fn a_page_knows_whether_more_follows() {
        assert_eq!(cut(vec![1, 2, 3], 0, 2), (vec![1, 2], true));
        assert_eq!(cut(vec![1, 2, 3], 2, 2), (vec![3], false));
        assert_eq!(cut(vec![1, 2, 3], 9, 2), (vec![], false));
    }
}
