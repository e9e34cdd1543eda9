//! Decides the last transaction of a run, and that of a person who publishes a version.
//!
//! Every store writes in this order: the current version, review queue, log row, event.

use serde_json::json;

use crate::engine::Timestamp;
use crate::store::model::{
    Completion, Event, EventKind, PointerMove, ReviewUpdate, RunFailure, Version, VersionPlan,
};

/// The writes of one transaction. Order: a store makes them in the order of the fields.
#[derive(Debug)]
pub(in crate::store) struct Closing<'a> {
    /// The instant that all these writes record.
    pub(in crate::store) at: Timestamp,
    /// The version that becomes current, and whether a person holds it.
    pub(in crate::store) pointer: Option<(Version, bool)>,
    /// The version that updates the review queue, and the update. A store reads the queue only
    /// after it made the version current, so it sees the updates of an earlier publication.
    pub(in crate::store) review: Option<(Version, &'a ReviewUpdate)>,
    /// The number of a run's log row, and how the run ended.
    pub(in crate::store) run: Option<(i64, RunEnd<'a>)>,
    /// A line of the audit trail.
    pub(in crate::store) event: Option<Event>,
}

/// How a run ended.
#[derive(Debug)]
pub(in crate::store) enum RunEnd<'a> {
    /// The run wrote a version, or appended to one.
    Wrote(Version, &'a Completion),
    /// The version had all trades already. The number is the run's duration in milliseconds.
    Idle(Version, i64),
    /// The run wrote nothing.
    Failed(&'a RunFailure),
}

impl<'a> Closing<'a> {
    /// Closes a run that wrote a version.
    pub(in crate::store) fn of_version(plan: &VersionPlan, completion: &'a Completion) -> Self {
        let pointer = (plan.version, completion.held);
        Self {
            pointer: completion.publish.then_some(pointer),
            ..Self::of_append(plan, completion)
        }
    }

    /// Closes a run that appended to a version. The current version stays.
    pub(in crate::store) fn of_append(plan: &VersionPlan, completion: &'a Completion) -> Self {
        let (version, at) = (plan.version, completion.completed_at);
        Self {
            at,
            pointer: None,
            review: Some((version, &completion.review)),
            run: Some((plan.run_id, RunEnd::Wrote(version, completion))),
            event: Some(Event {
                version: Some(version),
                correlation_id: Some(plan.batch_id.clone()),
                ..Event::info(EventKind::Run, at, completion.details.clone())
            }),
        }
    }

    /// Closes a run that had nothing to do.
    pub(in crate::store) fn of_idle(
        run_id: i64,
        version: Version,
        at: Timestamp,
        duration_ms: i64,
    ) -> Self {
        Self {
            at,
            pointer: None,
            review: None,
            run: Some((run_id, RunEnd::Idle(version, duration_ms))),
            event: None,
        }
    }

    /// Closes a run that failed.
    pub(in crate::store) fn of_failure(run_id: i64, failure: &'a RunFailure) -> Self {
        let at = failure.ended_at;
        let details = json!({ "run_id": run_id, "message": failure.message });
        Self {
            at,
            pointer: None,
            review: None,
            run: Some((run_id, RunEnd::Failed(failure))),
            event: Some(Event {
                severity: "error",
                ..Event::info(EventKind::Run, at, details)
            }),
        }
    }

    /// Publishes a version by hand.
    pub(in crate::store) fn of_move(pointer: &'a PointerMove) -> Self {
        let details = json!({ "held": pointer.held, "by": pointer.by });
        Self {
            at: pointer.at,
            pointer: Some((pointer.version, pointer.held)),
            review: Some((pointer.version, &pointer.review)),
            run: None,
            event: Some(Event {
                version: Some(pointer.version),
                ..Event::info(EventKind::Publish, pointer.at, details)
            }),
        }
    }

    /// Tells whether a run wrote rows of a version, which its readers see from here on.
    pub(in crate::store) fn is_of_version(&self) -> bool {
        matches!(self.run, Some((_, RunEnd::Wrote(..))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::RowsHash;
    use crate::store::model::{RunCounts, Scope, VersionOrigin, VersionStatus, Watermark};

    fn plan() -> VersionPlan {
        VersionPlan {
            version: 4,
            run_id: 9,
            batch_id: "batch".into(),
            scope: Scope::default(),
            origin: VersionOrigin::Hand,
            policy: "{}".into(),
            watermark: Watermark::default(),
            created_at: Timestamp::EPOCH,
            allocation_time: Timestamp::EPOCH,
            replaces: false,
            cut: None,
        }
    }

    fn completion(publish: bool) -> Completion {
        Completion {
            status: VersionStatus::Completed,
            completed_at: Timestamp::EPOCH,
            duration_ms: 5,
            ledger_hash: RowsHash::default(),
            allocations_hash: RowsHash::default(),
            lot_moves: Vec::new(),
            rates: Default::default(),
            complete_through: None,
            counts: RunCounts::default(),
            publish,
            held: true,
            review: ReviewUpdate::default(),
            details: json!({ "mode": "full" }),
        }
    }

    #[test]
    fn only_a_version_that_is_published_moves_the_pointer() {
        let (published, kept) = (completion(true), completion(false));
        let pointer = |closing: Closing<'_>| closing.pointer;
        assert_eq!(
            pointer(Closing::of_version(&plan(), &published)),
            Some((4, true))
        );
        assert_eq!(pointer(Closing::of_version(&plan(), &kept)), None);
        assert_eq!(pointer(Closing::of_append(&plan(), &published)), None);
    }

    #[test]
    fn a_run_is_closed_with_its_version_or_without_one() {
        let completion = completion(true);
        let wrote = Closing::of_version(&plan(), &completion);
        assert!(wrote.is_of_version());
        assert!(matches!(wrote.run, Some((9, RunEnd::Wrote(4, _)))));
        let event = wrote.event.unwrap();
        assert_eq!(
            (event.kind, event.version, event.correlation_id.as_deref()),
            (EventKind::Run, Some(4), Some("batch"))
        );
        let failure = RunFailure {
            ended_at: Timestamp::EPOCH,
            message: "no".into(),
            causes: String::new(),
            details: json!({}),
        };
        let failed = Closing::of_failure(9, &failure);
        assert!(!failed.is_of_version() && failed.review.is_none());
        assert_eq!(failed.event.unwrap().severity, "error");
        let idle = Closing::of_idle(9, 4, Timestamp::EPOCH, 5);
        assert!(!idle.is_of_version() && idle.event.is_none() && idle.pointer.is_none());
    }
}
