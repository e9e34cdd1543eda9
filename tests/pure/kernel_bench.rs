//! The ledgers of the kernel's benches, small, against the second matcher: nobody speeds up a wrong
//! answer.

#[path = "../../benches/shapes.rs"]
mod shapes;

use fifo_pnl::engine::{RowsHash, match_trades, reference};
use shapes::Shape;

#[test]
fn every_shape_gives_what_the_second_matcher_gives() {
    for shape in Shape::ALL {
        let pools = shape.make(6_000);
        let trades: usize = pools.iter().map(|(_, trades)| trades.len()).sum();
        assert!(
            (5_000..=6_200).contains(&trades),
            "{} has {trades}",
            shape.name()
        );
        let (mut found, mut expected) = (RowsHash::EMPTY, RowsHash::EMPTY);
        for (pool, trades) in pools {
            let owned = trades.to_vec().unwrap();
            let judged = reference::match_pool(&owned).unwrap();
            let mut line = Vec::new();
            for row in judged
                .allocations
                .iter()
                .filter_map(|one| one.row(&pool, &owned, &[]))
            {
                line.clear();
                row.write_line(&mut line);
                expected.add_row(&line);
            }
            found.add(
                match_trades(pool, trades)
                    .unwrap()
                    .allocations_hash()
                    .unwrap(),
            );
        }
        assert_ne!(expected, RowsHash::EMPTY);
        assert_eq!(found, expected, "{}", shape.name());
    }
}
