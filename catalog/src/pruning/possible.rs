//! What a filter may come to, in SQL's three values.

/// The set of outcomes that cannot be ruled out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Possible {
    pub(super) may_be_true: bool,
    may_be_false: bool,
    may_be_null: bool,
}

impl Possible {
    pub(super) const TRUE: Self = Self { may_be_true: true, may_be_false: false, may_be_null: false };
    pub(super) const FALSE: Self = Self { may_be_true: false, may_be_false: true, may_be_null: false };
    pub(super) const NULL: Self = Self { may_be_true: false, may_be_false: false, may_be_null: true };
    pub(super) const ANYTHING: Self = Self { may_be_true: true, may_be_false: true, may_be_null: true };

    pub(super) fn not(self) -> Self {
        Self { may_be_true: self.may_be_false, may_be_false: self.may_be_true, ..self }
    }

    pub(super) fn and(self, other: Self) -> Self {
        Self {
            may_be_true: self.may_be_true && other.may_be_true,
            may_be_false: self.may_be_false || other.may_be_false,
            // Null and true is null; null and false is false.
            may_be_null: (self.may_be_null && (other.may_be_null || other.may_be_true))
                || (other.may_be_null && self.may_be_true),
        }
    }

    pub(super) fn or(self, other: Self) -> Self {
        self.not().and(other.not()).not()
    }
}
