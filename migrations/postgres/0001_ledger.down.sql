-- Removes 0001_ledger. The program refuses it while it would lose facts.
DROP VIEW ineligible_trades;
DROP VIEW eligible_trades;
DROP VIEW eligible_actions;
DROP VIEW eligible_movements;
DROP VIEW active_import_voids;
DROP VIEW active_voids;
-- A ledger that was there before us stays as it is.
DO $$ BEGIN
    IF to_regclass('public.ledger_mapping') IS NULL THEN
        DROP TABLE trade_records;
    ELSE
        DROP VIEW ledger_rows;
        DROP VIEW ledger_writings;
        DROP VIEW orders_with_fills;
        DROP TABLE trade_additions;
        DROP TABLE ledger_mapping;
    END IF;
END $$;
DROP TABLE sync_logs;
DROP TABLE account_time_offsets;
DROP TABLE trading_accounts;
DROP TABLE event_log;
DROP TABLE asset_actions;
DROP TABLE transfer_decisions;
DROP TABLE asset_movements;
DROP TABLE rates;
DROP TABLE import_voids;
DROP TABLE trade_voids;
DROP TABLE import_rejects;
DROP TABLE imports;
DROP FUNCTION set_arrival();
DROP FUNCTION refuse_arrival();
DROP FUNCTION refuse_change();
