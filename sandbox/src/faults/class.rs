use std::fmt::Debug;

/// A kind of fault of one service.
pub trait FaultClass: Copy + Ord + Debug + Send + Sync + 'static {
    /// `s3` or `lambda`.
    const SERVICE: &'static str;
    const ALL: &'static [Self];

    /// The name that people write, unique within its service: `slow-down`.
    fn name(self) -> &'static str;

    /// The class of that name.
    fn named(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|class| class.name() == name)
    }
}
