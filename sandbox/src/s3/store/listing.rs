//! One page of a listing, from the ordered index. Pure.

use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::Arc;

use super::object::ObjectInfo;

/// What is asked of a listing.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct ListQuery<'a> {
    pub(crate) prefix: &'a str,
    pub(crate) delimiter: Option<&'a str>,
    /// The last key, or common prefix, of the page before.
    pub(crate) after: Option<&'a str>,
    /// Keys and common prefixes together.
    pub(crate) limit: usize,
}

/// Objects and common prefixes, each in the order of their names.
#[derive(Debug, Default)]
pub(crate) struct ListPage {
    pub(crate) objects: Vec<Arc<ObjectInfo>>,
    pub(crate) prefixes: Vec<String>,
    /// When there is more: what [`ListQuery::after`] must be for the next page.
    pub(crate) next: Option<String>,
}

/// Costs O(log n) a returned name: what lies under a common prefix is skipped, not walked.
pub(crate) fn list(index: &BTreeMap<String, Arc<ObjectInfo>>, query: ListQuery<'_>) -> ListPage {
    let mut page = ListPage::default();
    let mut from = match query.after {
        Some(after) if after >= query.prefix => match common_prefix(after, query) {
            Some(prefix) if prefix == after => match after_all(prefix) {
                Some(next) => Bound::Included(next),
                None => return page,
            },
            _ => Bound::Excluded(after.to_owned()),
        },
        _ => Bound::Included(query.prefix.to_owned()),
    };
    if query.limit == 0 {
        return page;
    }
    let mut last = None;
    while let Some((key, object)) = index.range((from, Bound::Unbounded)).next() {
        if !key.starts_with(query.prefix) {
            break;
        }
        if page.objects.len() + page.prefixes.len() == query.limit {
            page.next = last;
            break;
        }
        let Some(prefix) = common_prefix(key, query) else {
            page.objects.push(Arc::clone(object));
            last = Some(key.clone());
            from = Bound::Excluded(key.clone());
            continue;
        };
        page.prefixes.push(prefix.to_owned());
        last = Some(prefix.to_owned());
        match after_all(prefix) {
            Some(next) => from = Bound::Included(next),
            None => break,
        }
    }
    page
}

/// The part of the key up to and with the first delimiter behind the prefix.
fn common_prefix<'k>(key: &'k str, query: ListQuery<'_>) -> Option<&'k str> {
    let delimiter = query.delimiter.filter(|delimiter| !delimiter.is_empty())?;
    let rest = key.strip_prefix(query.prefix)?;
    let end = query.prefix.len() + rest.find(delimiter)? + delimiter.len();
    Some(&key[..end])
}

/// The smallest string greater than every string that starts with `prefix`, if there is one.
/// UTF-8 sorts as its characters do, so the last character is raised by one.
fn after_all(prefix: &str) -> Option<String> {
    let mut chars = prefix.chars();
    while let Some(last) = chars.next_back() {
        let raised = match last {
            '\u{d7ff}' => Some('\u{e000}'),
            _ => char::from_u32(last as u32 + 1),
        };
        if let Some(raised) = raised {
            let mut next = chars.as_str().to_owned();
            next.push(raised);
            return Some(next);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    fn index(keys: &[&str]) -> BTreeMap<String, Arc<ObjectInfo>> {
        keys.iter()
            .map(|key| ((*key).to_owned(), Arc::new(ObjectInfo { key: (*key).to_owned(), ..Default::default() })))
            .collect()
    }

    /// Walks all pages, and gives the names in the order they came.
    fn names(index: &BTreeMap<String, Arc<ObjectInfo>>, query: ListQuery<'_>) -> (Vec<String>, Vec<String>, usize) {
        let (mut keys, mut prefixes, mut pages, mut after) =
            (Vec::new(), Vec::new(), 0, query.after.map(str::to_owned));
        loop {
            let page = list(index, ListQuery { after: after.as_deref(), ..query });
            keys.extend(page.objects.iter().map(|object| object.key.clone()));
            prefixes.extend(page.prefixes);
            pages += 1;
            match page.next {
                Some(next) => after = Some(next),
                None => return (keys, prefixes, pages),
            }
        }
    }

    #[test]
    fn pages_do_not_repeat_or_lose_names() {
        let index = index(&["a", "a/", "a/b", "a/c/d", "a/c/e", "a0", "b/x", "ä/x", "\u{10ffff}/x"]);
        let whole = ListQuery { delimiter: Some("/"), limit: 1000, ..Default::default() };
        let (keys, prefixes, pages) = names(&index, whole);
        assert_eq!(keys, ["a", "a0"]);
        assert_eq!(prefixes, ["a/", "b/", "ä/", "\u{10ffff}/"]);
        assert_eq!(pages, 1);
        for limit in 1..6 {
            assert_eq!(names(&index, ListQuery { limit, ..whole }).0, keys);
            assert_eq!(names(&index, ListQuery { limit, ..whole }).1, prefixes);
            assert_eq!(names(&index, ListQuery { limit, delimiter: None, ..whole }).0.len(), index.len());
        }
    }

    #[test]
    fn a_prefix_that_is_a_folder_lists_its_marker_as_a_key() {
        let index = index(&["a", "a/", "a/b", "a/c/d"]);
        let query = ListQuery { prefix: "a/", delimiter: Some("/"), limit: 10, ..Default::default() };
        assert_eq!(names(&index, query), (vec!["a/".to_owned(), "a/b".to_owned()], vec!["a/c/".to_owned()], 1));
    }

    #[test]
    fn starts_after_a_name_before_inside_or_behind_the_prefix() {
        let index = index(&["a", "p/1", "p/2", "p/3", "q"]);
        let query = ListQuery { prefix: "p/", limit: 10, ..Default::default() };
        assert_eq!(names(&index, ListQuery { after: Some("a"), ..query }).0, ["p/1", "p/2", "p/3"]);
        assert_eq!(names(&index, ListQuery { after: Some("p/1"), ..query }).0, ["p/2", "p/3"]);
        assert_eq!(names(&index, ListQuery { after: Some("p/15"), ..query }).0, ["p/2", "p/3"]);
        assert!(names(&index, ListQuery { after: Some("q"), ..query }).0.is_empty());
    }

    #[test]
    fn the_string_after_all_with_a_prefix() {
        assert_eq!(after_all("a/").as_deref(), Some("a0"));
        assert_eq!(after_all("a\u{d7ff}").as_deref(), Some("a\u{e000}"));
        assert_eq!(after_all("a\u{10ffff}").as_deref(), Some("b"));
        assert_eq!(after_all("\u{10ffff}"), None);
    }
}
