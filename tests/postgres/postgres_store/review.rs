//! The review queue is written by few statements, however many items change.

use fifo_pnl::engine::{IssueType, Leg, ReviewItem, Severity};
use fifo_pnl::store::model::ReviewUpdate;

use crate::postgres_store::{fill, value};
use crate::subject::{PostgresSubject, Run, Subject, pool};

/// Counts the statements that change the queue, and those that append to the audit trail.
const COUNT_STATEMENTS: &str = "CREATE TABLE statements (of_table name, number bigint); \
    CREATE FUNCTION count_statement() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN \
        INSERT INTO statements VALUES (tg_table_name, 1); RETURN NULL; END $$; \
    CREATE TRIGGER counted AFTER INSERT OR UPDATE ON manual_review_queue \
        FOR EACH STATEMENT EXECUTE FUNCTION count_statement(); \
    CREATE TRIGGER counted AFTER INSERT ON event_log \
        FOR EACH STATEMENT EXECUTE FUNCTION count_statement()";

fn items(numbers: std::ops::Range<usize>, size: &str) -> Vec<ReviewItem> {
    let item = |number| ReviewItem {
        pool: pool("BTC-USD"),
        symbol: "BTC-USD".parse().unwrap(),
        leg: Leg::Base,
        order_id: format!("S-{number:03}"),
        issue: IssueType::UnmatchedSell,
        severity: Severity::Medium,
        description: format!("no open lot for {size}"),
        details: vec![("unmatched_size", size.to_owned())],
        missing: Vec::new(),
    };
    numbers.map(item).collect()
}

#[tokio::test]
async fn many_items_and_their_events_take_a_few_statements() {
    let Some(subject) = PostgresSubject::new().await else {
        return;
    };
    let (store, database) = (subject.store(), &subject.database);
    fill(store).await;
    database.run(COUNT_STATEMENTS).await.unwrap();
    let counted = "SELECT (SELECT count(*) FROM statements WHERE of_table = 'manual_review_queue') \
        || ' ' || (SELECT count(*) FROM statements WHERE of_table = 'event_log')";
    let events = "SELECT string_agg(event_type || ' ' || events, ', ' ORDER BY event_type) FROM \
        (SELECT event_type, count(*) || ' ' || string_agg(details ->> 'order_id', ' ' ORDER BY id) \
         FILTER (WHERE details ->> 'order_id' IN ('S-000', 'S-099', 'S-150', 'S-299')) AS events \
         FROM event_log WHERE event_type LIKE 'review%' GROUP BY event_type) e";
    let mut facts = items(0..300, "1");
    let mut said = Vec::new();
    // All open; the first hundred change and the last hundred are settled; these are opened again.
    for number in 0..3 {
        if number == 1 {
            facts.truncate(200);
            facts.splice(0..100, items(0..100, "2"));
        } else if number == 2 {
            facts.extend(items(200..300, "1"));
        }
        let run = Run {
            review: Some(ReviewUpdate {
                items: facts.clone(),
                kinds: [IssueType::UnmatchedSell].into(),
                ..ReviewUpdate::default()
            }),
            ..Run::default()
        };
        run.go(store).await.unwrap();
        said.push(value(database, counted).await);
    }
    // One for the items of a kind of change; one for their events, and one for the run's.
    assert_eq!(said, ["1 2", "3 4", "4 6"]);
    let opened = "review_opened 300 S-000 S-099 S-150 S-299, review_refreshed 100 S-000 S-099, \
        review_reopened 100 S-299, review_resolved 100 S-299";
    assert_eq!(value(database, events).await, opened);
    // An event names its item, and items are numbered in their order.
    let strays = "SELECT count(*)::text FROM event_log e WHERE event_type LIKE 'review%' \
        AND NOT EXISTS (SELECT 1 FROM manual_review_queue q WHERE q.id = (e.details ->> 'id')::int \
        AND q.order_id = e.details ->> 'order_id' AND right(q.order_id, 3)::int + 1 = q.id)";
    assert_eq!(value(database, strays).await, "0");
}
