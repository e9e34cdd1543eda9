-- What people and reports read. Sums of amounts are exact: decimal_sum and decimal_sub are
-- functions of SQLite's own decimal extension, which the sqlite3 shell has built in.
-- Views whose names begin with v_ show times as text.

CREATE VIEW schema_version AS
SELECT version,
       strftime('%Y-%m-%dT%H:%M:%SZ', installed_on) AS applied_at,
       description,
       CAST(execution_time / 1000000 AS INTEGER) AS execution_time_ms,
       success
FROM _sqlx_migrations;

CREATE VIEW v_allocation_health AS
SELECT s.allocation_version,
       sum(s.allocations) AS total_allocations,
       sum(s.sells_matched) AS sells_matched,
       sum(s.buys_used) AS buys_used,
       sum(s.sells_unmatched) AS unmatched_sells,
       decimal_sum(s.pnl_usd) AS total_pnl,
       strftime('%Y-%m-%dT%H:%M:%S',
           (min(s.first_allocation) - ((min(s.first_allocation) % 1000000) + 1000000) % 1000000) / 1000000, 'unixepoch')
        || printf('.%06dZ', ((min(s.first_allocation) % 1000000) + 1000000) % 1000000) AS first_allocation,
       strftime('%Y-%m-%dT%H:%M:%S',
           (max(s.last_allocation) - ((max(s.last_allocation) % 1000000) + 1000000) % 1000000) / 1000000, 'unixepoch')
        || printf('.%06dZ', ((max(s.last_allocation) % 1000000) + 1000000) % 1000000) AS last_allocation,
       v.status,
       s.allocation_version = ifnull((SELECT version FROM current_version), 0) AS is_current
FROM fifo_pool_summary s
JOIN allocation_versions v ON v.version = s.allocation_version
GROUP BY s.allocation_version;

CREATE VIEW v_current_allocations AS
SELECT a.*
FROM fifo_allocations a
WHERE a.allocation_version = (SELECT version FROM current_version);

CREATE VIEW v_unmatched_sells AS
SELECT a.id AS allocation_id, a.sell_order_id, a.symbol, a.allocated_size AS unmatched_size,
       strftime('%Y-%m-%dT%H:%M:%S',
           (a.sell_time - ((a.sell_time % 1000000) + 1000000) % 1000000) / 1000000, 'unixepoch')
        || printf('.%06dZ', ((a.sell_time % 1000000) + 1000000) % 1000000) AS sell_time,
       a.sell_price, a.allocation_version, a.notes, q.status, a.account, a.proceeds_usd
FROM fifo_allocations a
LEFT JOIN manual_review_queue q
       ON q.account = a.account AND q.asset = a.asset AND q.order_id = a.sell_order_id
      AND q.leg = coalesce(a.sell_leg, 'base') AND q.issue_type = 'unmatched_sell'
WHERE a.buy_order_id IS NULL
  AND a.allocation_version = (SELECT version FROM current_version);

CREATE VIEW v_pnl_by_symbol AS
SELECT s.symbol,
       sum(s.sells) AS num_sells,
       sum(s.buys) AS num_buys,
       decimal_sum(s.matched_size) AS total_size,
       decimal_sum(s.pnl_usd) AS total_pnl,
       CAST(decimal_sum(s.pnl_usd) AS REAL) / nullif(sum(s.allocations), 0) AS avg_pnl_per_allocation,
       strftime('%Y-%m-%dT%H:%M:%S',
           (min(s.first_sell) - ((min(s.first_sell) % 1000000) + 1000000) % 1000000) / 1000000, 'unixepoch')
        || printf('.%06dZ', ((min(s.first_sell) % 1000000) + 1000000) % 1000000) AS first_sell,
       strftime('%Y-%m-%dT%H:%M:%S',
           (max(s.last_sell) - ((max(s.last_sell) % 1000000) + 1000000) % 1000000) / 1000000, 'unixepoch')
        || printf('.%06dZ', ((max(s.last_sell) % 1000000) + 1000000) % 1000000) AS last_sell
FROM fifo_symbol_summary s
WHERE s.allocation_version = (SELECT version FROM current_version)
  AND s.status IN ('matched', 'stale')
GROUP BY s.symbol;

-- Sells as of the pool's watermark whose allocations, unmatched part and open short lot included, are not their
-- size. A split gives a short lot other units than its sell has.
CREATE VIEW v_allocation_discrepancies AS
WITH of_version AS (
    SELECT s.account, s.symbol,
           json_extract(p.watermark, '$.ingest_seq') AS ingest_seq,
           json_extract(p.watermark, '$.void_seq') AS void_seq,
           ifnull(json_extract(p.watermark, '$.import_void_seq'), 0) AS import_void_seq
    FROM fifo_symbol_summary s
    JOIN fifo_pool_summary p ON p.allocation_version = s.allocation_version
                            AND p.account = s.account AND p.asset = s.asset
    WHERE p.allocation_version = (SELECT version FROM current_version) AND p.status IN ('matched', 'stale')
      AND s.trades > 0
),
allocated AS (
    SELECT account, sell_order_id, decimal_sum(size) AS total
    FROM (SELECT account, sell_order_id, allocated_size AS size
          FROM fifo_allocations
          WHERE allocation_version = (SELECT version FROM current_version) AND sell_leg IS NULL
          UNION ALL
          SELECT account, buy_order_id, remaining_size
          FROM fifo_inventory_snapshot
          WHERE allocation_version = (SELECT version FROM current_version) AND direction = 'short'
            AND buy_leg IS NULL) parts
    GROUP BY account, sell_order_id
)
SELECT t.order_id AS sell_order_id,
       t.symbol,
       t.size AS sell_size,
       ifnull(a.total, '0') AS allocated_total,
       decimal_sub(t.size, ifnull(a.total, '0')) AS discrepancy,
       -- A sign is all that is asked of the float. The shell's decimal_cmp takes 1.5 and 1.50 for
       -- different numbers in the versions that Debian 12 has.
       CASE WHEN CAST(decimal_sub(t.size, ifnull(a.total, '0')) AS REAL) = 0 THEN 'OK'
            WHEN CAST(decimal_sub(t.size, ifnull(a.total, '0')) AS REAL) > 0 THEN 'UNDER_ALLOCATED'
            ELSE 'OVER_ALLOCATED' END AS status
FROM eligible_trades t
JOIN of_version ON of_version.account = t.account AND of_version.symbol = t.symbol
LEFT JOIN allocated a ON a.account = t.account AND a.sell_order_id = t.order_id
WHERE t.side = 'sell'
  AND t.ingest_seq <= of_version.ingest_seq
  AND NOT EXISTS (SELECT 1 FROM trade_voids v
                  WHERE v.account = t.account AND v.order_id = t.order_id AND v.undone = 0
                    AND v.void_seq = (SELECT max(w.void_seq) FROM trade_voids w
                                      WHERE w.account = t.account AND w.order_id = t.order_id
                                        AND w.void_seq <= of_version.void_seq))
  AND NOT EXISTS (SELECT 1 FROM import_voids v
                  WHERE v.import_id = t.import_id AND v.undone = 0
                    AND v.void_seq = (SELECT max(w.void_seq) FROM import_voids w
                                      WHERE w.import_id = t.import_id
                                        AND w.void_seq <= of_version.import_void_seq));

-- A lot of a leg, or with a value of its own, has no price in the ledger. A short lot has the sell that opened
-- it in the columns of the buy, and its net proceeds as its cost.
CREATE VIEW v_open_inventory AS
SELECT i.account, i.asset, i.symbol, i.buy_order_id, i.remaining_size, i.remaining_cost_usd,
       CASE WHEN i.lot_value_usd IS NULL THEN t.price END AS buy_price,
       strftime('%Y-%m-%dT%H:%M:%S',
           (coalesce(t.order_time, m.moved_at)
            - ((coalesce(t.order_time, m.moved_at) % 1000000) + 1000000) % 1000000) / 1000000, 'unixepoch')
        || printf('.%06dZ', ((coalesce(t.order_time, m.moved_at) % 1000000) + 1000000) % 1000000) AS buy_time,
       strftime('%Y-%m-%dT%H:%M:%S',
           (i.snapshot_time - ((i.snapshot_time % 1000000) + 1000000) % 1000000) / 1000000, 'unixepoch')
        || printf('.%06dZ', ((i.snapshot_time % 1000000) + 1000000) % 1000000) AS snapshot_time,
       i.allocation_version,
       i.buy_leg,
       coalesce(i.direction, 'long') AS direction,
       i.buy_account,
       i.buy_movement
FROM fifo_inventory_snapshot i
LEFT JOIN trade_records t ON t.account = coalesce(i.buy_account, i.account) AND t.order_id = i.buy_order_id
LEFT JOIN asset_movements m ON i.buy_leg = 'income' AND m.account = coalesce(i.buy_account, i.account)
    AND m.movement_id = i.buy_order_id
WHERE i.allocation_version = (SELECT version FROM current_version);

CREATE VIEW v_run_status AS
SELECT l.id AS run_id, l.status, l.computation_mode, l.allocation_version,
       strftime('%Y-%m-%dT%H:%M:%S',
           (l.computation_start - ((l.computation_start % 1000000) + 1000000) % 1000000) / 1000000, 'unixepoch')
        || printf('.%06dZ', ((l.computation_start % 1000000) + 1000000) % 1000000) AS started_at,
       strftime('%Y-%m-%dT%H:%M:%S',
           (l.computation_end - ((l.computation_end % 1000000) + 1000000) % 1000000) / 1000000, 'unixepoch')
        || printf('.%06dZ', ((l.computation_end % 1000000) + 1000000) % 1000000) AS ended_at,
       l.computation_duration_ms, l.symbols_processed, l.symbols_failed, l.allocations_created,
       l.unmatched_sells, l.total_pnl_computed, l.triggered_by, l.error_message,
       ifnull(l.allocation_version = (SELECT version FROM current_version), 0) AS is_current
FROM fifo_computation_log l;

CREATE VIEW review_history AS
SELECT id, event_time, event_type, account, asset, allocation_version, details
FROM event_log WHERE event_type LIKE 'review%';

CREATE VIEW export_log AS
SELECT id, event_time, allocation_version, details
FROM event_log WHERE event_type = 'export';

CREATE VIEW migration_attempts AS
SELECT id, event_time, severity, details
FROM event_log WHERE event_type = 'migration';

-- Accounts and their imports. A rate is a whole percent, rounded down; NULL: no import in the last 24 hours.
CREATE VIEW recent_sync_failures AS
SELECT l.id, l.account_id, a.account, a.platform, a.broker, l.sync_type, l.started_at, l.completed_at,
       l.status, l.trades_synced, l.file, l.error_message, l.duration_ms
FROM sync_logs l
JOIN trading_accounts a ON a.id = l.account_id
WHERE l.status IN ('failed', 'partial')
  AND l.started_at > CAST((julianday('now') - 2440588.5) * 86400000000 AS INTEGER)
ORDER BY l.started_at DESC, l.id DESC;

CREATE VIEW account_sync_health AS
SELECT a.id AS account_id, a.account, a.platform, a.broker, a.is_active, a.connection_status,
       a.last_sync_at, a.last_successful_sync_at, a.sync_failure_count, a.last_connection_error,
       count(l.id) AS syncs_24h,
       count(CASE WHEN l.status = 'failed' THEN 1 END) AS failed_syncs_24h,
       count(CASE WHEN l.status = 'partial' THEN 1 END) AS partial_syncs_24h,
       100 * count(CASE WHEN l.status = 'success' THEN 1 END) / nullif(count(l.id), 0) AS success_rate_pct,
       sum(l.duration_ms) / nullif(count(l.duration_ms), 0) AS avg_duration_ms
FROM trading_accounts a
LEFT JOIN sync_logs l ON l.account_id = a.id AND l.started_at > CAST((julianday('now') - 2440588.5) * 86400000000 AS INTEGER)
GROUP BY a.id, a.account, a.platform, a.broker, a.is_active, a.connection_status, a.last_sync_at,
         a.last_successful_sync_at, a.sync_failure_count, a.last_connection_error;

-- The last import of each format into each account.
CREATE VIEW v_sync_status AS
SELECT a.account, l.format AS source, strftime('%Y-%m-%dT%H:%M:%S',
           (coalesce(l.completed_at, l.started_at)
            - ((coalesce(l.completed_at, l.started_at) % 1000000) + 1000000) % 1000000) / 1000000, 'unixepoch')
        || printf('.%06dZ', ((coalesce(l.completed_at, l.started_at) % 1000000) + 1000000) % 1000000) AS last_sync_at,
       l.trades_synced, l.rows_rejected + l.conflicts AS discrepancies_found,
       l.trades_corrected AS auto_fixed, l.status
FROM sync_logs l
JOIN trading_accounts a ON a.id = l.account_id
WHERE NOT EXISTS (SELECT 1 FROM sync_logs m
                  WHERE m.account_id = l.account_id AND m.format IS l.format AND m.id > l.id);
