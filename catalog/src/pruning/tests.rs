use proptest::prelude::*;

use super::*;

fn keys() -> Vec<Column> {
    [("year", "int"), ("city", "string"), ("day", "date"), ("rate", "decimal(6,2)"), ("x", "double")]
        .map(|(name, data_type)| Column { name: name.to_owned(), data_type: data_type.to_owned(), comment: None })
        .to_vec()
}

/// One partition: 2024, Oslo, 2024-02-29, 1.50, no x.
fn keeps(predicate: Predicate) -> bool {
    let values = ["2024", "Oslo", "2024-02-29", "1.50", crate::hive_path::NULL_VALUE].map(str::to_owned);
    may_match(&keys(), &values, &predicate)
}

fn compare(column: &str, op: Comparison, literal: Literal) -> Predicate {
    Predicate::Compare { column: column.to_owned(), op, literal }
}

fn year(op: Comparison, year: i128) -> Predicate {
    compare("year", op, Literal::Integer(year))
}

fn city(name: &str) -> Predicate {
    compare("City", Comparison::Equal, Literal::String(name.to_owned()))
}

#[test]
fn comparisons() {
    use Comparison::*;
    for (op, against, kept) in [
        (Equal, 2024, true),
        (Equal, 2023, false),
        (NotEqual, 2024, false),
        (Less, 2024, false),
        (LessOrEqual, 2024, true),
        (Greater, 2023, true),
        (GreaterOrEqual, 2025, false),
    ] {
        assert_eq!(keeps(year(op, against)), kept, "{op:?} {against}");
    }
    assert!(keeps(city("Oslo")), "names of columns compare without case");
    assert!(!keeps(city("oslo")), "text compares with case");
    // 2024-02-29 is day 19782.
    assert!(keeps(compare("day", Equal, Literal::Date(19782))));
    assert!(!keeps(compare("day", Less, Literal::Date(19782))));
    assert!(keeps(compare("rate", Equal, Literal::Decimal { unscaled: 15, scale: 1 })));
    assert!(!keeps(compare("rate", Greater, Literal::Integer(2))));
}

#[test]
fn lists_and_ranges() {
    let in_list = |list: &[i128]| Predicate::In {
        column: "year".to_owned(),
        list: list.iter().map(|year| Literal::Integer(*year)).collect(),
    };
    assert!(keeps(in_list(&[2022, 2024])));
    assert!(!keeps(in_list(&[2022, 2023])));
    assert!(!keeps(in_list(&[])));
    assert!(!keeps(Predicate::Not(Box::new(in_list(&[2022, 2024])))));
    let between = |low: i128, high: i128| Predicate::Between {
        column: "year".to_owned(),
        low: Literal::Integer(low),
        high: Literal::Integer(high),
    };
    assert!(keeps(between(2024, 2024)));
    assert!(!keeps(between(2025, 2030)));
}

#[test]
fn null_partitions() {
    let x = |op| compare("x", op, Literal::Double(1.0));
    assert!(!keeps(x(Comparison::Equal)));
    assert!(!keeps(Predicate::Not(Box::new(x(Comparison::Equal)))), "not null is null, and keeps no row");
    let is_null = Predicate::IsNull { column: "x".to_owned() };
    assert!(keeps(is_null.clone()));
    assert!(!keeps(Predicate::Not(Box::new(is_null))));
    assert!(!keeps(Predicate::IsNull { column: "year".to_owned() }));
    let null_in_list = Predicate::In { column: "year".to_owned(), list: vec![Literal::Integer(1), Literal::Null] };
    assert!(!keeps(Predicate::Not(Box::new(null_in_list))), "NOT IN with a null keeps no row");
}

#[test]
fn what_is_not_known_keeps() {
    let unknown = || Predicate::Unknown;
    assert!(keeps(unknown()));
    assert!(keeps(Predicate::Not(Box::new(unknown()))));
    assert!(keeps(Predicate::Or(vec![year(Comparison::Equal, 1999), unknown()])));
    assert!(!keeps(Predicate::And(vec![year(Comparison::Equal, 1999), unknown()])));
    assert!(keeps(compare("no_key", Comparison::Equal, Literal::Integer(1))));
    assert!(keeps(compare("year", Comparison::Equal, Literal::String("x".to_owned()))), "kinds that do not compare");
    assert!(!keeps(compare("year", Comparison::Equal, Literal::Null)));
    let broken = ["soon", "Oslo", "2024-02-29", "1.50", "1"].map(str::to_owned);
    assert!(may_match(&keys(), &broken, &year(Comparison::Equal, 1999)), "text that is no number");
    assert!(may_match(&keys(), &[], &year(Comparison::Equal, 1999)));
}

#[test]
fn prune_keeps_the_order() {
    let partition = |year: &str| Partition {
        values: vec![year.to_owned()],
        storage: Default::default(),
        parameters: Default::default(),
    };
    let kept = prune(&keys()[..1], ["2025", "2023", "2024"].map(partition).to_vec(), &year(Comparison::Greater, 2023));
    assert_eq!(kept.iter().map(|kept| kept.values[0].as_str()).collect::<Vec<_>>(), ["2025", "2024"]);
}

/// SQL's own three-valued answer for one row, where unknown parts are given an arbitrary answer.
fn truth(predicate: &Predicate, a: Option<i128>, unknown: Option<bool>) -> Option<bool> {
    match predicate {
        Predicate::Compare { op, literal: Literal::Integer(right), .. } => a.map(|left| match op {
            Comparison::Equal => left == *right,
            Comparison::NotEqual => left != *right,
            Comparison::Less => left < *right,
            Comparison::LessOrEqual => left <= *right,
            Comparison::Greater => left > *right,
            Comparison::GreaterOrEqual => left >= *right,
        }),
        Predicate::IsNull { .. } => Some(a.is_none()),
        Predicate::Not(inner) => truth(inner, a, unknown).map(|truth| !truth),
        Predicate::And(all) => {
            let truths: Vec<_> = all.iter().map(|each| truth(each, a, unknown)).collect();
            if truths.contains(&Some(false)) { Some(false) } else { (!truths.contains(&None)).then_some(true) }
        }
        Predicate::Or(any) => {
            let truths: Vec<_> = any.iter().map(|each| truth(each, a, unknown)).collect();
            if truths.contains(&Some(true)) { Some(true) } else { (!truths.contains(&None)).then_some(false) }
        }
        _ => unknown,
    }
}

fn predicates() -> impl Strategy<Value = Predicate> {
    use Comparison::*;
    let op = prop::sample::select(vec![Equal, NotEqual, Less, LessOrEqual, Greater, GreaterOrEqual]);
    let leaf = prop_oneof![
        3 => (op, -2i128..3).prop_map(|(op, number)| compare("a", op, Literal::Integer(number))),
        1 => Just(Predicate::IsNull { column: "a".to_owned() }),
        1 => Just(Predicate::Unknown),
    ];
    leaf.prop_recursive(4, 24, 3, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..4).prop_map(Predicate::And),
            prop::collection::vec(inner.clone(), 0..4).prop_map(Predicate::Or),
            inner.prop_map(|inner| Predicate::Not(Box::new(inner))),
        ]
    })
}

proptest! {
    /// No partition with a matching row is ever dropped, whatever the unknown parts come to.
    #[test]
    fn sound(predicate in predicates(), a in prop::option::of(-2i128..3), unknown in prop::option::of(any::<bool>())) {
        let key = Column { name: "a".to_owned(), data_type: "bigint".to_owned(), comment: None };
        let value = a.map_or(crate::hive_path::NULL_VALUE.to_owned(), |a| a.to_string());
        if truth(&predicate, a, unknown) == Some(true) {
            prop_assert!(may_match(&[key], &[value], &predicate));
        }
    }
}
