-- Indexes, triggers and views of 2026-11-26: a yardstick, which never changes.
CREATE TRIGGER imports_no_update BEFORE UPDATE ON imports
BEGIN SELECT RAISE(ABORT, 'imports is append-only: UPDATE is refused'); END;
CREATE TRIGGER imports_no_delete BEFORE DELETE ON imports
BEGIN SELECT RAISE(ABORT, 'imports is append-only: DELETE is refused'); END;
CREATE TRIGGER imports_no_replace BEFORE INSERT ON imports
    WHEN EXISTS (SELECT 1 FROM imports WHERE id = NEW.id)
BEGIN SELECT RAISE(ABORT, 'imports is append-only: replacing a row is refused'); END;
CREATE TRIGGER import_rejects_no_update BEFORE UPDATE ON import_rejects
BEGIN SELECT RAISE(ABORT, 'import_rejects is append-only: UPDATE is refused'); END;
CREATE TRIGGER import_rejects_no_delete BEFORE DELETE ON import_rejects
BEGIN SELECT RAISE(ABORT, 'import_rejects is append-only: DELETE is refused'); END;
CREATE TRIGGER import_rejects_no_replace BEFORE INSERT ON import_rejects
    WHEN EXISTS (SELECT 1 FROM import_rejects WHERE id = NEW.id)
BEGIN SELECT RAISE(ABORT, 'import_rejects is append-only: replacing a row is refused'); END;
CREATE INDEX trade_records_symbol_order_time_index ON trade_records (symbol, order_time);
CREATE TRIGGER trade_records_no_update BEFORE UPDATE ON trade_records
BEGIN SELECT RAISE(ABORT, 'trade_records is append-only: UPDATE is refused'); END;
CREATE TRIGGER trade_records_no_delete BEFORE DELETE ON trade_records
BEGIN SELECT RAISE(ABORT, 'trade_records is append-only: DELETE is refused'); END;
CREATE TRIGGER trade_records_no_replace BEFORE INSERT ON trade_records
    WHEN EXISTS (SELECT 1 FROM trade_records
                 WHERE ingest_seq = NEW.ingest_seq OR (account = NEW.account AND order_id = NEW.order_id))
BEGIN SELECT RAISE(ABORT, 'trade_records is append-only: replacing a row is refused'); END;
CREATE TRIGGER trade_records_number BEFORE INSERT ON trade_records
    WHEN NEW.ingest_seq <> -1 AND NEW.ingest_seq <> 1 + ifnull((SELECT max(ingest_seq) FROM trade_records), 0)
         AND NOT EXISTS (SELECT 1 FROM trade_records WHERE ingest_seq = NEW.ingest_seq)
BEGIN SELECT RAISE(ABORT, 'trade_records: the database sets ingest_seq: leave it out'); END;
CREATE INDEX trade_voids_order_index ON trade_voids (account, order_id, void_seq);
CREATE TRIGGER trade_voids_no_update BEFORE UPDATE ON trade_voids
BEGIN SELECT RAISE(ABORT, 'trade_voids is append-only: UPDATE is refused'); END;
CREATE TRIGGER trade_voids_no_delete BEFORE DELETE ON trade_voids
BEGIN SELECT RAISE(ABORT, 'trade_voids is append-only: DELETE is refused'); END;
CREATE TRIGGER trade_voids_no_replace BEFORE INSERT ON trade_voids
    WHEN EXISTS (SELECT 1 FROM trade_voids WHERE void_seq = NEW.void_seq)
BEGIN SELECT RAISE(ABORT, 'trade_voids is append-only: replacing a row is refused'); END;
CREATE TRIGGER trade_voids_number BEFORE INSERT ON trade_voids
    WHEN NEW.void_seq <> -1 AND NEW.void_seq <> 1 + ifnull((SELECT max(void_seq) FROM trade_voids), 0)
         AND NOT EXISTS (SELECT 1 FROM trade_voids WHERE void_seq = NEW.void_seq)
BEGIN SELECT RAISE(ABORT, 'trade_voids: the database sets void_seq: leave it out'); END;
CREATE INDEX event_log_event_type_index ON event_log (event_type, id);
CREATE TRIGGER event_log_no_update BEFORE UPDATE ON event_log
BEGIN SELECT RAISE(ABORT, 'event_log is append-only: UPDATE is refused'); END;
CREATE TRIGGER event_log_no_delete BEFORE DELETE ON event_log
BEGIN SELECT RAISE(ABORT, 'event_log is append-only: DELETE is refused'); END;
CREATE TRIGGER event_log_no_replace BEFORE INSERT ON event_log
    WHEN EXISTS (SELECT 1 FROM event_log WHERE id = NEW.id)
BEGIN SELECT RAISE(ABORT, 'event_log is append-only: replacing a row is refused'); END;
CREATE TRIGGER event_log_number BEFORE INSERT ON event_log
    WHEN NEW.id <> -1 AND NEW.id <> 1 + ifnull((SELECT max(id) FROM event_log), 0)
         AND NOT EXISTS (SELECT 1 FROM event_log WHERE id = NEW.id)
BEGIN SELECT RAISE(ABORT, 'event_log: the database sets id: leave it out'); END;
CREATE VIEW active_voids AS
SELECT v.account, v.order_id, v.void_seq
FROM trade_voids v
WHERE v.undone = 0
  AND NOT EXISTS (SELECT 1 FROM trade_voids w
                  WHERE w.account = v.account AND w.order_id = v.order_id AND w.void_seq > v.void_seq);
CREATE VIEW eligible_trades AS
SELECT t.account, t.order_id, replace(upper(t.symbol), '/', '-') AS symbol, t.side, t.size, t.price,
       t.order_time, t.total_fees_usd, t.trade_seq, t.status, v.void_seq, t.ingest_seq,
       t.import_id, t.import_line
FROM trade_records t
LEFT JOIN active_voids v ON v.account = t.account AND v.order_id = t.order_id
WHERE t.status IS NULL
   OR lower(t.status) NOT IN ('cancelled', 'canceled', 'rejected', 'expired', 'failed',
                              'open', 'pending', 'active', 'placed');
CREATE VIEW ineligible_trades AS
SELECT t.account, t.order_id, replace(upper(t.symbol), '/', '-') AS symbol, t.side, t.size, t.price,
       t.order_time, t.total_fees_usd, t.trade_seq, t.status, t.ingest_seq,
       'status ' || lower(t.status) AS reason
FROM trade_records t
WHERE lower(t.status) IN ('cancelled', 'canceled', 'rejected', 'expired', 'failed',
                          'open', 'pending', 'active', 'placed');
CREATE UNIQUE INDEX fifo_allocations_pair_key
    ON fifo_allocations (allocation_version, account, sell_order_id, ifnull(buy_order_id, ''));
CREATE INDEX fifo_allocations_buy_index
    ON fifo_allocations (allocation_version, account, buy_order_id) WHERE buy_order_id IS NOT NULL;
CREATE INDEX fifo_allocations_pool_index
    ON fifo_allocations (allocation_version, symbol, account, sell_time);
CREATE INDEX fifo_allocations_unmatched_index
    ON fifo_allocations (allocation_version, id) WHERE buy_order_id IS NULL;
CREATE TRIGGER fifo_computation_log_number BEFORE INSERT ON fifo_computation_log
    WHEN NEW.id <> -1 AND NEW.id <> 1 + ifnull((SELECT max(id) FROM fifo_computation_log), 0)
         AND NOT EXISTS (SELECT 1 FROM fifo_computation_log WHERE id = NEW.id)
BEGIN SELECT RAISE(ABORT, 'fifo_computation_log: the database sets id: leave it out'); END;
CREATE UNIQUE INDEX fifo_inventory_snapshot_lot_key
    ON fifo_inventory_snapshot (allocation_version, account, symbol, buy_order_id);
CREATE INDEX manual_review_queue_open_index
    ON manual_review_queue (severity, account) WHERE status IN ('pending', 'in_progress');
CREATE TRIGGER manual_review_queue_number BEFORE INSERT ON manual_review_queue
    WHEN NEW.id <> -1 AND NEW.id <> 1 + ifnull((SELECT max(id) FROM manual_review_queue), 0)
         AND NOT EXISTS (SELECT 1 FROM manual_review_queue WHERE id = NEW.id)
BEGIN SELECT RAISE(ABORT, 'manual_review_queue: the database sets id: leave it out'); END;
CREATE INDEX review_exclusions_pool_index ON review_exclusions (account, symbol, id);
CREATE TRIGGER review_exclusions_no_update BEFORE UPDATE ON review_exclusions
BEGIN SELECT RAISE(ABORT, 'review_exclusions is append-only: UPDATE is refused'); END;
CREATE TRIGGER review_exclusions_no_delete BEFORE DELETE ON review_exclusions
BEGIN SELECT RAISE(ABORT, 'review_exclusions is append-only: DELETE is refused'); END;
CREATE TRIGGER review_exclusions_no_replace BEFORE INSERT ON review_exclusions
    WHEN EXISTS (SELECT 1 FROM review_exclusions WHERE id = NEW.id)
BEGIN SELECT RAISE(ABORT, 'review_exclusions is append-only: replacing a row is refused'); END;
CREATE TRIGGER review_exclusions_number BEFORE INSERT ON review_exclusions
    WHEN NEW.id <> -1 AND NEW.id <> 1 + ifnull((SELECT max(id) FROM review_exclusions), 0)
         AND NOT EXISTS (SELECT 1 FROM review_exclusions WHERE id = NEW.id)
BEGIN SELECT RAISE(ABORT, 'review_exclusions: the database sets id: leave it out'); END;
