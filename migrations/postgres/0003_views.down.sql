-- Removes 0003_views. The program refuses it while it would lose facts.
DROP VIEW v_sync_status;
DROP VIEW account_sync_health;
DROP VIEW recent_sync_failures;
DROP VIEW migration_attempts;
DROP VIEW export_log;
DROP VIEW review_history;
DROP VIEW v_run_status;
DROP VIEW v_open_inventory;
DROP VIEW v_allocation_discrepancies;
DROP VIEW v_pnl_by_symbol;
DROP VIEW v_unmatched_sells;
DROP VIEW v_current_allocations;
DROP VIEW v_allocation_health;
DROP VIEW schema_version;
