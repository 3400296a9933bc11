//! Whose customer a walk's rows belong to: a filter that a source ignored would mix customers.
//! Pure. Judged over a whole walk; ids are compared ignoring case.

use std::collections::BTreeSet;

use smallvec::SmallVec;

use crate::domain::{Failure, FailureKind, Record, Records, RemoteId, SourceName, Warning, WarningCode};

/// Which of a walk's rows are kept.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Own {
    pub(super) records: Records,
    pub(super) warning: Option<Warning>,
    /// The one other customer that rows claim to belong to, if there is one. Whether it is linked to a different
    /// customer, so that these rows must not be shown, is decided where the links are known.
    pub(super) other_customer: Option<Box<str>>,
}

/// Consecutive rows that name the same customer and are inherited or not alike.
struct Run<'a> {
    owner: &'a str,
    inherited: Option<bool>,
    rows: usize,
}

/// Keeps the rows of the requested customer.
///
/// - Rows that name more than one customer mean that the filter was ignored: only those that name the requested
///   customer are kept.
/// - Rows that agree on one other id are kept with a warning, because the vendor's own example is such an answer
///   (Acronis PSA guide, "Fetch customer clients": it asks for `ad3c629b-…` and shows rows of `ce570f06-…`).
///
/// An inherited row names the reseller that it comes from, so it does not show whose customer the rows are. Nor
/// does a row that may be inherited: one that does not say so, from a source whose rows do (`says_inherited`).
/// But a customer has one reseller (an assumption): if rows of the second kind name several others, the filter was
/// ignored after all. If they name one, it is the reseller if an inherited row names it, too; otherwise it may be
/// another customer: the links may tell.
pub(super) fn keep_own(source: SourceName, says_inherited: bool, asked: &RemoteId, records: Records) -> Result<Own, Failure> {
    let runs = runs(records.owners());
    let may_be_inherited = runs.iter().filter(|run| says_inherited && run.inherited.is_none());
    let mut resellers = others(asked, may_be_inherited.map(|run| run.owner));
    let have_one_reseller = resellers.len() <= 1;
    if have_one_reseller {
        // Of several none matters below, and comparing all with all takes long.
        resellers.retain(|reseller| !runs.iter().any(|run| run.inherited == Some(true) && run.owner.eq_ignore_ascii_case(reseller)));
    }
    let tells = |inherited: Option<bool>| !says_inherited || !inherited.unwrap_or(have_one_reseller);
    let (mut owners, mut differing) = (BTreeSet::new(), 0);
    for Run { owner, rows, .. } in runs.into_iter().filter(|run| tells(run.inherited)) {
        differing += if asked.names(owner) { 0 } else { rows };
        owners.insert(owner.to_ascii_lowercase());
    }
    let own = |record: &Record<'_>| record.owner.is_some_and(|owner| asked.names(owner));
    let before = records.len();
    let warning = |code, count: usize| Warning { code, source: Some(source), count: Some(count as u64) };

    if owners.len() > 1 {
        let records = records.filtered(own);
        if records.is_empty() {
            return Err(Failure::answered(FailureKind::InvalidResponse, 200));
        }
        let dropped = warning(WarningCode::ForeignRowsDropped, before - records.len());
        return Ok(Own { records, warning: Some(dropped), other_customer: None });
    }
    let differs = (differing > 0).then(|| warning(WarningCode::CustomerIdDiffers, differing));
    let other_customer = owners.pop_first().filter(|_| differing > 0).or_else(|| resellers.pop_first()).map(Into::into);
    Ok(Own { records, warning: differs, other_customer })
}

/// Counts consecutive rows that say the same; usually they all do.
fn runs<'a>(rows: impl Iterator<Item = (&'a str, Option<bool>)>) -> SmallVec<[Run<'a>; 2]> {
    let mut runs = SmallVec::<[Run<'_>; 2]>::new();
    for (owner, inherited) in rows {
        match runs.last_mut() {
            Some(run) if run.inherited == inherited && run.owner == owner => run.rows += 1,
            _ => runs.push(Run { owner, inherited, rows: 1 }),
        }
    }
    runs
}

/// Returns the customers other than the requested one that the rows name.
fn others<'a>(asked: &RemoteId, owners: impl Iterator<Item = &'a str>) -> BTreeSet<String> {
    owners.filter(|owner| !asked.names(owner)).map(str::to_ascii_lowercase).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SOURCE: SourceName = SourceName::new("test");

    fn record<'a>(id: &'a str, owner: Option<&'a str>, inherited: Option<bool>) -> Record<'a> {
        Record { id, owner, inherited, ..Record::default() }
    }

    /// The kept ids, and the warning with its number of records.
    type Kept = (Vec<String>, Option<(WarningCode, Option<u64>)>);

    /// What is kept of the rows of a source that does or does not say whether its rows are inherited.
    fn kept_of(says_inherited: bool, rows: &[Row<'_>]) -> Result<Kept, Failure> {
        let records = rows.iter().map(|(id, owner, inherited)| record(id, *owner, *inherited)).collect();
        let Own { records, warning, other_customer } = keep_own(SOURCE, says_inherited, &RemoteId::new("Acme"), records)?;
        let differs = warning.is_some_and(|warning| warning.code == WarningCode::CustomerIdDiffers);
        let unsaid = rows.iter().find(|row| says_inherited && row.2.is_none() && row.1 == Some("third"));
        let dropped = warning.is_some_and(|warning| warning.code == WarningCode::ForeignRowsDropped);
        let expected = if differs { Some("other") } else { unsaid.filter(|_| !dropped).and(Some("third")) };
        assert_eq!(other_customer.as_deref(), expected);
        let ids = records.iter().map(|record| record.id.to_string()).collect();
        Ok((ids, warning.map(|warning| (warning.code, warning.count))))
    }

    /// A row's id, the customer that it names, and whether it is inherited.
    type Row<'a> = (&'a str, Option<&'a str>, Option<bool>);

    /// Rows, the ids that are kept of them, and the warning with its number of records.
    type Case<'a> = (&'a [Row<'a>], &'a [&'a str], Option<(WarningCode, u64)>);

    fn kept(rows: &[Row<'_>]) -> Result<Kept, Failure> {
        kept_of(false, rows)
    }

    #[test]
    fn a_row_that_may_be_inherited_is_kept_where_it_names_the_customer_and_accuses_nobody() {
        use WarningCode::{CustomerIdDiffers, ForeignRowsDropped};
        let (own, foreign) = (("own", Some("acme"), Some(false)), ("foreign", Some("other"), Some(false)));
        let (unsaid_own, unsaid_foreign) = (("unsaid own", Some("ACME"), None), ("unsaid foreign", Some("third"), None));
        let (unsaid, third) = (("unsaid", None, None), ("third", Some("third"), Some(false)));
        let inherited = ("inherited", Some("reseller"), Some(true));
        let inherited_own = ("inherited own", Some("Acme"), Some(true));
        let unsaid_fourth = ("unsaid fourth", Some("fourth"), None);
        let cases: [Case<'_>; 10] = [
            (&[own, unsaid_own, unsaid_foreign, unsaid], &["own", "unsaid own", "unsaid foreign", "unsaid"], None),
            (&[unsaid_foreign, unsaid_own, unsaid], &["unsaid foreign", "unsaid own", "unsaid"], None),
            (&[own, foreign, unsaid_own, unsaid_foreign, unsaid], &["own", "unsaid own"], Some((ForeignRowsDropped, 3))),
            (&[foreign, third, unsaid_own], &["unsaid own"], Some((ForeignRowsDropped, 2))),
            (&[own, inherited, inherited_own], &["own", "inherited", "inherited own"], None),
            (&[own, foreign, inherited], &["own"], Some((ForeignRowsDropped, 2))),
            (&[own, foreign, inherited_own], &["own", "inherited own"], Some((ForeignRowsDropped, 1))),
            (&[unsaid_own, unsaid_foreign, unsaid_fourth, inherited], &["unsaid own"], Some((ForeignRowsDropped, 3))),
            (&[own, unsaid_foreign, unsaid_fourth, unsaid], &["own"], Some((ForeignRowsDropped, 3))),
            (&[foreign, unsaid_own, unsaid_foreign], &["foreign", "unsaid own", "unsaid foreign"], Some((CustomerIdDiffers, 1))),
        ];
        for (rows, expected, warning) in cases {
            let ids = expected.iter().map(ToString::to_string).collect();
            assert_eq!(kept_of(true, rows), Ok((ids, warning.map(|(code, count)| (code, Some(count))))), "{rows:?}");
        }
        let none = kept_of(true, &[foreign, third, unsaid_foreign, inherited]);
        assert_eq!(none.map_err(|failure| failure.kind), Err(FailureKind::InvalidResponse));
    }

    #[test]
    fn a_tenant_that_an_inherited_row_names_is_the_reseller() {
        let (unsaid, inherited) = (record("1", Some("Msp"), None), record("2", Some("MSP"), Some(true)));
        for (rows, other) in [(vec![unsaid.clone()], Some("msp")), (vec![unsaid, inherited], None)] {
            let own = keep_own(SOURCE, true, &RemoteId::new("acme"), rows.into_iter().collect()).unwrap();
            assert_eq!((own.other_customer.as_deref(), own.warning), (other, None));
        }
    }

    #[test]
    fn rows_of_the_customer_are_kept_whatever_the_case() {
        let rows = [("1", Some("ACME"), None), ("2", Some("acme"), Some(false)), ("3", None, None)];
        assert_eq!(kept(&rows), Ok((vec!["1".into(), "2".into(), "3".into()], None)));
        assert_eq!(kept(&[]), Ok((vec![], None)));
    }

    #[test]
    fn rows_that_agree_on_another_id_are_kept_with_a_warning() {
        let rows = [("1", Some("other"), None), ("2", Some("OTHER"), None), ("3", None, Some(true))];
        let expected = (WarningCode::CustomerIdDiffers, Some(2));
        assert_eq!(kept(&rows), Ok((vec!["1".into(), "2".into(), "3".into()], Some(expected))));
    }

    #[test]
    fn an_ignored_filter_leaves_only_the_customers_own_rows() {
        let rows = [("1", Some("acme"), None), ("2", Some("other"), None), ("3", None, None), ("4", None, Some(true))];
        let expected = (WarningCode::ForeignRowsDropped, Some(3));
        assert_eq!(kept(&rows), Ok((vec!["1".into()], Some(expected))));
    }

    #[test]
    fn an_ignored_filter_without_own_rows_fails_the_source() {
        let rows = [("1", Some("other"), None), ("2", Some("third"), None), ("3", None, Some(true))];
        assert_eq!(kept(&rows).map_err(|failure| failure.kind), Err(FailureKind::InvalidResponse));
    }
}
