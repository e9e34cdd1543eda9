-- Removes 0002_allocations. The program refuses it while it would lose facts.
DROP TABLE review_exclusions;
DROP TABLE manual_review_queue;
DROP TABLE fifo_rates_used;
DROP TABLE fifo_lot_moves;
DROP TABLE fifo_inventory_snapshot;
DROP VIEW fifo_symbol_summary;
DROP TABLE fifo_pool_summary;
DROP TABLE fifo_computation_log;
DROP TABLE fifo_allocations;
DROP TABLE current_version;
DROP TABLE allocation_versions;
