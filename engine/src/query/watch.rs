//! A query, again and again until it has ended.

use std::time::Duration;

use futures::StreamExt as _;
use futures::stream::{self, BoxStream};
use tokio::sync::watch::Receiver;
use tokio::time::{Instant, sleep_until};

use super::info::QueryInfo;
use super::living::Live;
use super::progress::QueryProgress;
use super::request::QueryId;
use super::service::QueryService;
use crate::access::Principal;
use crate::error::Result;

/// Changes come together within this time.
const AT_MOST_EVERY: Duration = Duration::from_millis(200);
/// Queries of other coordinators are looked up in the history.
const LOOK_EVERY: Duration = Duration::from_millis(500);

/// What is known now, then what changes, and last what is known of its end.
pub(super) async fn watch(
    service: QueryService,
    principal: Principal,
    id: QueryId,
) -> Result<BoxStream<'static, QueryInfo>> {
    let first = service.get(&principal, &id).await?;
    let source = match service.live(&id) {
        Some(live) => Source::Here(live.ledger.watch(), live),
        None => Source::Elsewhere,
    };
    let watching = Watching { service, principal, id, source, shown: Instant::now(), last: first.clone() };
    let start = if first.state.has_ended() { None } else { Some(watching) };
    let rest = stream::unfold(start, |watching| async {
        let mut watching = watching?;
        let info = watching.next().await?;
        let more = (!info.state.has_ended()).then_some(watching);
        Some((info, more))
    });
    Ok(stream::iter([first]).chain(rest).boxed())
}

struct Watching {
    service: QueryService,
    principal: Principal,
    id: QueryId,
    source: Source,
    shown: Instant,
    last: QueryInfo,
}

enum Source {
    Here(Receiver<QueryProgress>, Live),
    Elsewhere,
}

impl Watching {
    /// The query when it has changed; `None` when it is not known any more.
    async fn next(&mut self) -> Option<QueryInfo> {
        loop {
            let info = match &mut self.source {
                Source::Here(progress, live) => {
                    // It may have ended before anybody looked.
                    let has_ended = progress.borrow().state.has_ended();
                    if !has_ended {
                        let _ = progress.changed().await;
                    }
                    if progress.borrow_and_update().state.has_ended() {
                        live.settled().await;
                    } else {
                        sleep_until(self.shown + AT_MOST_EVERY).await;
                    }
                    live.info().await
                }
                Source::Elsewhere => {
                    sleep_until(self.shown + LOOK_EVERY).await;
                    self.service.get(&self.principal, &self.id).await.ok()?
                }
            };
            self.shown = Instant::now();
            if info != self.last {
                self.last = info.clone();
                return Some(info);
            }
        }
    }
}
