//! How trees grow.

use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;

use super::predicate::{Comparison, Expression, Predicate, Type};
use super::relation::{Aggregate, Function, JoinKind, Relation, SetOperation};
use super::sql::Query;

/// Queries of some five operators.
pub fn queries() -> impl Strategy<Value = Query> {
    (relations(), option::of(any::<u8>())).prop_map(|(relation, descending)| Query { relation, descending })
}

fn relations() -> impl Strategy<Value = Relation> {
    any::<u8>().prop_map(Relation::Table).prop_recursive(4, 10, 2, |inner| {
        let inner = inner.boxed();
        let boxed = inner.clone().prop_map(Box::new);
        let predicate = predicates(inner.clone());
        prop_oneof![
            3 => (boxed.clone(), predicate).prop_map(|(input, predicate)| Relation::Filter(input, predicate)),
            1 => (boxed.clone(), vec((types(), expressions()), 1..5))
                .prop_map(|(input, columns)| Relation::Project(input, columns)),
            5 => joins(inner.clone()),
            4 => groups(inner.clone()),
            1 => (boxed.clone(), vec((types(), any::<u8>()), 1..4))
                .prop_map(|(input, columns)| Relation::Distinct(input, columns)),
            2 => (boxed.clone(), vec(functions(), 1..3))
                .prop_map(|(input, functions)| Relation::Window(input, functions)),
            2 => (set_operations(), boxed.clone(), boxed.clone())
                .prop_map(|(operation, left, right)| Relation::Set(operation, left, right)),
            2 => (boxed, any::<u8>(), 0_u8..60, prop_oneof![Just(0), 0_u8..30])
                .prop_map(|(input, descending, limit, offset)| Relation::Top { input, descending, limit, offset }),
        ]
    })
}

fn joins(inner: BoxedStrategy<Relation>) -> impl Strategy<Value = Relation> {
    use JoinKind::{Anti, Cross, Full, Inner, Left, Right, Semi};
    let kind = prop_oneof![
        3 => Just(Inner), 2 => Just(Left), 2 => Just(Right), 2 => Just(Full), 1 => Just(Semi), 1 => Just(Anti), 1 => Just(Cross)
    ];
    // Mostly the same column of both sides: others rarely meet.
    let pick = (types(), any::<u8>(), any::<u8>(), prop::bool::weighted(0.7), prop::bool::weighted(0.15));
    let key = pick.prop_map(|(of, x, y, same, nulls)| (of, x, if same { x } else { y }, nulls));
    let keys = prop_oneof![6 => vec(key.clone(), 1..=1), 2 => vec(key, 2..=2), 1 => Just(Vec::new())];
    let more = prop_oneof![3 => Just(None), 1 => simple_predicates().prop_map(Some)];
    (kind, inner.clone(), inner, keys, more).prop_map(|(kind, left, right, keys, more)| Relation::Join {
        kind,
        left: Box::new(left),
        right: Box::new(right),
        keys,
        more,
    })
}

fn groups(inner: BoxedStrategy<Relation>) -> impl Strategy<Value = Relation> {
    let key = prop_oneof![4 => any::<u8>().prop_map(Expression::Column), 1 => expressions()];
    let having = prop_oneof![3 => Just(None), 1 => simple_predicates().prop_map(Some)];
    (inner, vec((types(), key), 0..3), prop::bool::weighted(0.1), vec(aggregates(), 1..4), having).prop_map(
        |(input, keys, rollup, aggregates, having)| Relation::Group {
            input: Box::new(input),
            keys,
            rollup,
            aggregates,
            having,
        },
    )
}

fn types() -> impl Strategy<Value = Type> + Clone {
    prop_oneof![
        6 => Just(Type::Integer), 3 => Just(Type::Text), 2 => Just(Type::Decimal), 2 => Just(Type::Date), 1 => Just(Type::Float),
        1 => Just(Type::Boolean)
    ]
}

fn set_operations() -> impl Strategy<Value = SetOperation> {
    use SetOperation::{Except, Intersect, Union, UnionAll};
    prop_oneof![3 => Just(UnionAll), 2 => Just(Union), 1 => Just(Intersect), 1 => Just(Except)]
}

fn comparisons() -> impl Strategy<Value = Comparison> {
    use Comparison::{AtLeast, AtMost, Distinct, Equal, Less, More, NotDistinct, NotEqual};
    prop_oneof![
        4 => Just(Equal), 2 => Just(NotEqual), 2 => Just(Less), 2 => Just(AtMost), 2 => Just(More), 2 => Just(AtLeast),
        1 => Just(Distinct), 1 => Just(NotDistinct)
    ]
}

fn expressions() -> BoxedStrategy<Expression> {
    let leaf =
        prop_oneof![3 => any::<u8>().prop_map(Expression::Column), 1 => any::<u8>().prop_map(Expression::Literal)];
    let expression = leaf.prop_recursive(2, 4, 2, |inner| {
        let boxed = inner.prop_map(Box::new).boxed();
        let test = (types(), any::<u8>(), comparisons(), any::<u8>()).prop_map(|(of, column, comparison, literal)| {
            Box::new(Predicate::Compare(of, Expression::Column(column), comparison, Expression::Literal(literal)))
        });
        prop_oneof![
            (any::<u8>(), boxed.clone(), boxed.clone()).prop_map(|(pick, a, b)| Expression::Apply(pick, a, b)),
            (boxed.clone(), boxed.clone()).prop_map(|(a, b)| Expression::Coalesce(a, b)),
            (test, boxed.clone(), boxed).prop_map(|(when, a, b)| Expression::Case(when, a, b)),
        ]
    });
    expression.boxed()
}

/// Without subqueries: these stand where not every engine takes them.
fn simple_predicates() -> BoxedStrategy<Predicate> {
    let leaf = prop_oneof![
        4 => (types(), expressions(), comparisons(), expressions()).prop_map(|(of, a, c, b)| Predicate::Compare(of, a, c, b)),
        1 => (types(), expressions(), any::<bool>()).prop_map(|(of, a, not)| Predicate::IsNull(of, a, not)),
        1 => (types(), expressions(), vec(any::<u8>(), 1..4), any::<bool>())
            .prop_map(|(of, a, list, not)| Predicate::InList(of, a, list, not)),
        1 => (types(), expressions(), expressions(), expressions())
            .prop_map(|(of, a, low, high)| Predicate::Between(of, a, low, high)),
        1 => (expressions(), any::<u8>(), any::<bool>()).prop_map(|(a, pick, not)| Predicate::Like(a, pick, not)),
    ];
    connected(leaf.boxed())
}

fn predicates(inner: BoxedStrategy<Relation>) -> BoxedStrategy<Predicate> {
    let relation = inner.prop_map(Box::new).boxed();
    let keys = option::weighted(0.8, (types(), any::<u8>(), any::<u8>()));
    let subquery = prop_oneof![
        (types(), expressions(), relation.clone(), any::<bool>())
            .prop_map(|(of, a, r, not)| Predicate::In(of, a, r, not)),
        (keys, relation.clone(), any::<bool>()).prop_map(|(keys, r, not)| Predicate::Exists(keys, r, not)),
        (expressions(), comparisons(), aggregates(), relation).prop_map(|(a, c, g, r)| Predicate::Scalar(a, c, g, r)),
    ];
    prop_oneof![
        3 => simple_predicates(),
        2 => subquery.clone(),
        1 => (subquery, simple_predicates()).prop_map(|(a, b)| Predicate::And(Box::new(a), Box::new(b))),
    ]
    .boxed()
}

fn connected(leaf: BoxedStrategy<Predicate>) -> BoxedStrategy<Predicate> {
    let connected = leaf.prop_recursive(2, 4, 2, |inner| {
        let boxed = inner.prop_map(Box::new).boxed();
        prop_oneof![
            (boxed.clone(), boxed.clone()).prop_map(|(a, b)| Predicate::And(a, b)),
            (boxed.clone(), boxed.clone()).prop_map(|(a, b)| Predicate::Or(a, b)),
            boxed.prop_map(Predicate::Not),
        ]
    });
    connected.boxed()
}

fn aggregates() -> BoxedStrategy<Aggregate> {
    let summed = prop_oneof![3 => Just(Type::Integer), 2 => Just(Type::Decimal), 1 => Just(Type::Float)];
    // Not every engine has the least of two booleans.
    let ordered = types().prop_map(|of| if of == Type::Boolean { Type::Integer } else { of }).boxed();
    let plain = prop_oneof![
        2 => Just(Aggregate::CountAll),
        1 => (types(), any::<u8>()).prop_map(|(of, pick)| Aggregate::Count(of, pick)),
        1 => (types(), any::<u8>()).prop_map(|(of, pick)| Aggregate::CountDistinct(of, pick)),
        3 => (summed, any::<u8>()).prop_map(|(of, pick)| Aggregate::Sum(of, pick)),
        1 => any::<u8>().prop_map(Aggregate::SumDistinct),
        1 => any::<u8>().prop_map(Aggregate::Average),
        2 => (ordered.clone(), any::<u8>()).prop_map(|(of, pick)| Aggregate::Minimum(of, pick)),
        2 => (ordered, any::<u8>()).prop_map(|(of, pick)| Aggregate::Maximum(of, pick)),
        1 => any::<u8>().prop_map(Aggregate::All),
    ]
    .boxed();
    let filtered = (plain.clone(), simple_predicates())
        .prop_map(|(aggregate, predicate)| Aggregate::Filtered(Box::new(aggregate), Box::new(predicate)));
    prop_oneof![6 => plain, 1 => filtered].boxed()
}

fn functions() -> BoxedStrategy<Function> {
    let partition = option::weighted(0.7, (types(), any::<u8>())).boxed();
    let value = (types(), any::<u8>()).boxed();
    prop_oneof![
        partition.clone().prop_map(Function::RowNumber),
        (partition.clone(), value.clone()).prop_map(|(p, (of, pick))| Function::Rank(p, of, pick)),
        (partition.clone(), value.clone(), 1_u8..4).prop_map(|(p, (of, pick), far)| Function::Lag(p, of, pick, far)),
        (partition.clone(), value.clone()).prop_map(|(p, (of, pick))| Function::Lead(p, of, pick)),
        (partition.clone(), value).prop_map(|(p, (of, pick))| Function::FirstValue(p, of, pick)),
        (partition.clone(), any::<u8>()).prop_map(|(p, pick)| Function::RunningSum(p, pick)),
        (partition.clone(), aggregates()).prop_map(|(p, aggregate)| Function::Total(p, aggregate)),
        (partition, any::<u8>(), 0_u8..4, 0_u8..4)
            .prop_map(|(p, pick, before, after)| Function::Moving(p, pick, before, after)),
    ]
    .boxed()
}
