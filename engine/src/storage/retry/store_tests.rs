//! A store that fails in each of S3's ways, request by request as a test says.

use std::collections::VecDeque;
use std::sync::Mutex;
use std::time::Duration;

use bytes::Bytes;
use futures::TryStreamExt;
use object_store::memory::InMemory;
use object_store::{Error as StoreError, ObjectStoreExt};

use super::super::super::exact::typed;
use super::super::super::{Metered, Pinned, Pins, StorageSettings, StoreMeter, Traffic};
use super::*;
use crate::error::ErrorCode;

const MIB: usize = 1024 * 1024;

/// What happens to one request.
#[derive(Debug, Clone)]
enum Fault {
    None,
    /// An answer of S3's, such as `503 SlowDown`.
    Status(&'static str),
    Reset,
    /// The body ends after so many bytes, as if that were all.
    Short(usize),
    /// The body breaks after so many bytes.
    Broken(usize),
    Long,
    /// Bytes from elsewhere in the object, under a head that says so.
    OtherRange,
    SlowHead(Duration),
    /// A pause after so many bytes.
    SlowBody(usize, Duration),
    Replaced,
}

#[derive(Debug)]
struct Faulty {
    memory: InMemory,
    faults: Mutex<VecDeque<Fault>>,
    after: Fault,
    asked: Mutex<Vec<Option<Repeat>>>,
}

impl Faulty {
    fn next(&self) -> Fault {
        self.faults.lock().unwrap().pop_front().unwrap_or(self.after.clone())
    }
}

impl fmt::Display for Faulty {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Faulty")
    }
}

fn generic(text: &str) -> StoreError {
    StoreError::Generic { store: "S3", source: text.into() }
}

fn status(answer: &str) -> StoreError {
    let code = answer.split(' ').next_back().unwrap();
    generic(&format!("Server returned non-2xx status code: {answer}: <Error><Code>{code}</Code></Error>"))
}

#[async_trait]
impl ObjectStore for Faulty {
    async fn get_opts(&self, location: &Path, options: GetOptions) -> Result<GetResult> {
        self.asked.lock().unwrap().push(options.extensions.get::<Repeat>().copied());
        let fault = self.next();
        match &fault {
            Fault::Status(answer) => return Err(status(answer)),
            Fault::Reset => return Err(generic("connection reset by peer")),
            Fault::SlowHead(pause) => tokio::time::sleep(*pause).await,
            Fault::Replaced => {
                self.memory.put(location, vec![0; 3].into()).await?;
            }
            _ => {}
        }
        let mut options = options;
        if let (Fault::OtherRange, Some(GetRange::Bounded(range))) = (&fault, &mut options.range) {
            range.end -= 1;
        }
        let mut answer = self.memory.get_opts(location, options).await?;
        let (meta, range, attributes) = (answer.meta.clone(), answer.range.clone(), answer.attributes.clone());
        let body = answer.bytes().await?;
        let parts: Vec<_> = match fault {
            Fault::Short(at) => vec![Ok(body.slice(..at))],
            Fault::Broken(at) => vec![Ok(body.slice(..at)), Err(generic("connection reset by peer"))],
            Fault::Long => vec![Ok(body), Ok("more".into())],
            Fault::SlowBody(at, _) => vec![Ok(body.slice(..at)), Ok(body.slice(at..))],
            _ => vec![Ok(body)],
        };
        let pause = if let Fault::SlowBody(_, pause) = fault { pause } else { Duration::ZERO };
        let body = stream::iter(parts).enumerate().then(move |(number, part)| async move {
            if number > 0 {
                tokio::time::sleep(pause).await;
            }
            part
        });
        answer = GetResult { payload: GetResultPayload::Stream(body.boxed()), meta, range, attributes };
        Ok(answer)
    }

    async fn put_opts(&self, location: &Path, payload: PutPayload, opts: PutOptions) -> Result<PutResult> {
        match self.next() {
            Fault::Status(answer) => Err(status(answer)),
            _ => self.memory.put_opts(location, payload, opts).await,
        }
    }

    async fn put_multipart_opts(&self, location: &Path, opts: PutMultipartOptions) -> Result<Box<dyn MultipartUpload>> {
        self.memory.put_multipart_opts(location, opts).await
    }

    fn delete_stream(&self, locations: BoxStream<'static, Result<Path>>) -> BoxStream<'static, Result<Path>> {
        self.memory.delete_stream(locations)
    }

    fn list(&self, prefix: Option<&Path>) -> BoxStream<'static, Result<ObjectMeta>> {
        self.broken_list(self.memory.list(prefix))
    }

    fn list_with_offset(&self, prefix: Option<&Path>, offset: &Path) -> BoxStream<'static, Result<ObjectMeta>> {
        self.broken_list(self.memory.list_with_offset(prefix, offset))
    }

    async fn list_with_delimiter(&self, prefix: Option<&Path>) -> Result<ListResult> {
        match self.next() {
            Fault::Status(answer) => Err(status(answer)),
            _ => self.memory.list_with_delimiter(prefix).await,
        }
    }

    async fn copy_opts(&self, from: &Path, to: &Path, options: CopyOptions) -> Result<()> {
        self.memory.copy_opts(from, to, options).await
    }
}

impl Faulty {
    fn broken_list(&self, keys: BoxStream<'static, Result<ObjectMeta>>) -> BoxStream<'static, Result<ObjectMeta>> {
        match self.next() {
            Fault::Broken(after) => {
                keys.take(after).chain(stream::iter([Err(generic("error decoding response body"))])).boxed()
            }
            _ => keys,
        }
    }
}

struct Rig {
    store: Retried,
    faulty: Arc<Faulty>,
    meter: Arc<StoreMeter>,
    path: Path,
    content: Bytes,
}

/// An object of 1 MiB, pinned, in a store that fails as told and then is well again.
async fn rig(faults: impl IntoIterator<Item = Fault>) -> Rig {
    rig_with(faults, Fault::None, &StorageSettings::default()).await
}

async fn rig_with(faults: impl IntoIterator<Item = Fault>, after: Fault, settings: &StorageSettings) -> Rig {
    let memory = InMemory::new();
    let content: Bytes = (0..MIB).map(|index| (index % 251) as u8).collect::<Vec<_>>().into();
    let path = Path::from("t/data.parquet");
    memory.put(&path, content.clone().into()).await.unwrap();
    let url = StoreUrl::new("s3", "lake").unwrap();
    let pins = Arc::new(Pins::default());
    pins.pin_listed(&url, &memory.head(&path).await.unwrap());
    let faults = Mutex::new(faults.into_iter().collect());
    let faulty = Arc::new(Faulty { memory, faults, after, asked: Mutex::default() });
    let meter = Arc::new(StoreMeter::default());
    let metered = Arc::new(Metered::new(faulty.clone(), Arc::clone(&meter), Traffic::Scan));
    let pinned = Arc::new(Pinned::new(metered, url.clone(), pins));
    let store = Retried::new(pinned, url, Arc::new(Effort::new(settings, 1)));
    Rig { store, faulty, meter, path, content }
}

impl Rig {
    async fn range(&self) -> Result<Bytes> {
        self.store.get_range(&self.path, 1000..500_000).await
    }

    async fn whole(&self) -> Result<Bytes> {
        self.store.get(&self.path).await?.bytes().await
    }
}

fn every_fault() -> Vec<Fault> {
    vec![
        Fault::Status("500 InternalError"),
        Fault::Status("503 SlowDown"),
        Fault::Reset,
        Fault::Short(100_000),
        Fault::Broken(200_000),
        Fault::Long,
        Fault::SlowHead(Duration::from_secs(3600)),
        Fault::SlowBody(1, Duration::from_secs(3600)),
    ]
}

#[tokio::test(start_paused = true)]
async fn a_short_range_is_whole_after_any_fault() {
    for fault in every_fault() {
        let rig = rig([fault.clone()]).await;
        assert_eq!(rig.range().await.unwrap(), rig.content[1000..500_000], "{fault:?}");
        let counts = rig.meter.snapshot();
        assert_eq!((counts.get, counts.retried + counts.hedged), (2, 1), "{fault:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_long_body_goes_on_where_it_broke() {
    for fault in every_fault() {
        if matches!(fault, Fault::Long) {
            continue;
        }
        let rig = rig([fault.clone(), Fault::Broken(10), fault.clone()]).await;
        assert_eq!(rig.whole().await.unwrap(), rig.content, "{fault:?}");
    }
    let rig = rig([Fault::Broken(MIB / 2)]).await;
    assert_eq!(rig.whole().await.unwrap(), rig.content);
    assert_eq!(rig.meter.snapshot().bytes_scanned, MIB as u64, "what has come is not fetched again");
}

#[tokio::test(start_paused = true)]
async fn a_body_that_goes_on_beyond_its_end_is_an_error() {
    let rig = rig([Fault::Long]).await;
    assert_eq!(Error::from(rig.whole().await.unwrap_err()).code, ErrorCode::Unavailable);
}

#[tokio::test(start_paused = true)]
async fn the_rest_of_a_body_is_never_taken_from_elsewhere() {
    let rig = rig([Fault::Broken(10), Fault::OtherRange]).await;
    assert_eq!(rig.whole().await.unwrap(), rig.content);
}

#[tokio::test(start_paused = true)]
async fn an_object_replaced_between_tries_is_an_error_that_is_not_tried_again() {
    for whole in [false, true] {
        let rig = rig([Fault::Broken(10), Fault::Replaced]).await;
        let answer = if whole { rig.whole().await } else { rig.range().await };
        let error = Error::from(answer.unwrap_err());
        assert_eq!(error.code, ErrorCode::InvalidData);
        assert_eq!(error.message, "s3://lake/t/data.parquet changed while the query was reading it");
        assert_eq!(rig.meter.snapshot().get, 2);
    }
}

#[tokio::test(start_paused = true)]
async fn when_the_tries_are_spent_one_error_names_the_object() {
    let cases = [
        (Fault::Status("503 SlowDown"), ErrorCode::Throttled),
        (Fault::Status("500 InternalError"), ErrorCode::Unavailable),
        (Fault::Short(7), ErrorCode::Unavailable),
        (Fault::SlowHead(Duration::from_secs(3600)), ErrorCode::Unavailable),
    ];
    for (fault, code) in cases {
        let rig = rig_with([], fault.clone(), &StorageSettings::default()).await;
        for answer in [rig.range().await, rig.whole().await] {
            let error = Error::from(answer.unwrap_err());
            assert_eq!(error.code, code, "{error}");
            assert!(error.code.is_retryable());
            assert!(
                error.message.starts_with("storage failed 6 times in a row for s3://lake/t/data.parquet"),
                "{error}"
            );
        }
    }
}

#[tokio::test(start_paused = true)]
async fn what_no_other_try_can_change_is_said_at_once() {
    let rig = rig([Fault::Status("400 InvalidBucketName")]).await;
    let error = Error::from(rig.range().await.unwrap_err());
    assert_eq!(error.code, ErrorCode::InvalidArgument, "{error}");
    assert_eq!(rig.meter.snapshot().get, 1);
}

#[tokio::test(start_paused = true)]
async fn a_query_stops_trying_when_its_budget_is_spent() {
    let retry = super::super::RetrySettings { budget: 7, budget_share: 0.0, ..Default::default() };
    let settings = StorageSettings { retry, ..StorageSettings::default() };
    let rig = rig_with([], Fault::Reset, &settings).await;
    for _ in 0..10 {
        rig.range().await.unwrap_err();
    }
    assert_eq!(rig.meter.snapshot().get, 10 + 7);
}

#[tokio::test(start_paused = true)]
async fn an_error_that_stays_is_not_tried_again() {
    let denied = || StoreError::PermissionDenied { path: "t/data.parquet".into(), source: "denied".into() };
    assert!(!is_retryable(&denied()));
    assert!(!is_retryable(&typed(Error::new(ErrorCode::InvalidData, "x"))));
    let rig = rig([Fault::Status("400 PermanentRedirect")]).await;
    assert_eq!(Error::from(rig.range().await.unwrap_err()).code, ErrorCode::InvalidArgument);
    assert_eq!(rig.meter.snapshot().get, 1);
}

#[tokio::test(start_paused = true)]
async fn a_late_answer_is_asked_for_again_on_another_connection() {
    let rig = rig([Fault::SlowHead(Duration::from_secs(5))]).await;
    let started = Instant::now();
    assert_eq!(rig.range().await.unwrap(), rig.content[1000..500_000]);
    assert!(started.elapsed() < Duration::from_secs(1), "{:?}", started.elapsed());
    assert_eq!(*rig.faulty.asked.lock().unwrap(), [None, Some(Repeat::Hedge)]);
    let counts = rig.meter.snapshot();
    assert_eq!((counts.get, counts.hedged, counts.retried), (2, 1, 0));
}

#[tokio::test(start_paused = true)]
async fn the_first_whole_answer_wins_even_if_the_other_fails() {
    let slow = Duration::from_secs(2);
    let rig = rig([Fault::SlowHead(slow), Fault::Broken(3)]).await;
    assert_eq!(rig.range().await.unwrap(), rig.content[1000..500_000]);
    assert_eq!(rig.meter.snapshot().get, 2, "the first one came after all");
    let rig = self::rig([Fault::SlowBody(9, slow), Fault::SlowHead(3 * slow)]).await;
    let started = Instant::now();
    assert_eq!(rig.range().await.unwrap(), rig.content[1000..500_000]);
    assert!(started.elapsed() < 2 * slow);
}

#[tokio::test(start_paused = true)]
async fn hedges_are_bounded() {
    let slow = Fault::SlowHead(Duration::from_secs(4));
    let rig = rig_with([], slow, &StorageSettings::default()).await;
    for _ in 0..40 {
        rig.range().await.unwrap();
    }
    let counts = rig.meter.snapshot();
    assert!(counts.hedged <= 8, "{counts:?}");
}

#[tokio::test(start_paused = true)]
async fn a_listing_goes_on_after_the_last_key() {
    let rig = rig([Fault::Broken(3), Fault::Broken(0), Fault::Broken(2)]).await;
    for number in 0..8 {
        rig.faulty.memory.put(&Path::from(format!("l/{number}")), "x".into()).await.unwrap();
    }
    let keys: Vec<_> =
        rig.store.list(Some(&Path::from("l"))).map_ok(|o| o.location.to_string()).try_collect().await.unwrap();
    assert_eq!(keys, (0..8).map(|number| format!("l/{number}")).collect::<Vec<_>>());
    rig.faulty.faults.lock().unwrap().extend([Fault::Status("503 SlowDown"), Fault::None]);
    assert_eq!(rig.store.list_with_delimiter(Some(&Path::from("l"))).await.unwrap().objects.len(), 8);
    rig.faulty.faults.lock().unwrap().extend(vec![Fault::Broken(0); 20]);
    let failed = rig.store.list(Some(&Path::from("l"))).try_collect::<Vec<_>>().await.unwrap_err();
    assert!(Error::from(failed).message.contains("the listing of s3://lake/l/"));
}

#[tokio::test(start_paused = true)]
async fn a_put_is_made_again() {
    let rig = rig([Fault::Status("500 InternalError"), Fault::Status("503 SlowDown")]).await;
    let path = Path::from("out");
    rig.store.put(&path, "rows".into()).await.unwrap();
    assert_eq!(rig.store.get(&path).await.unwrap().bytes().await.unwrap(), "rows");
}
