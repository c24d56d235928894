//! What is compared with the chain again: after a restart, and when blocks are removed.

use super::{Store, StoreError, batches, integer, jobs::NOWHERE};

impl Store {
    /// Marks jobs that are being sent, but by no open nonce, for comparison with the chain.
    pub(crate) fn unsettle_stranded(&self) -> Result<usize, StoreError> {
        Ok(self.lock().execute(
            "UPDATE jobs SET state = 'resync', not_before_ms = 0 WHERE state = 'sending'
               AND NOT EXISTS (SELECT 1 FROM slots
                 WHERE slots.request_id = jobs.id AND slots.state IN ('live', 'mined'))
               AND NOT EXISTS (SELECT 1 FROM slots JOIN batch_members USING (batch_id)
                 WHERE batch_members.request_id = jobs.id
                   AND slots.state IN ('live', 'mined'))",
            [],
        )?)
    }

    /// Moves the cursor back to `ancestor`, or before everything, and marks what blocks above it
    /// had said for comparison with the chain: requests seen there, settlements seen there, and
    /// transactions mined there. One transaction: whoever forgets a block reads its successor.
    pub(crate) fn unsettle_above(&self, ancestor: Option<u64>) -> Result<usize, StoreError> {
        let above = ancestor.map(integer).transpose()?.unwrap_or(-1);
        let mut connection = self.lock();
        let tx = connection.transaction()?;
        tx.execute(
            "UPDATE jobs SET state = 'sending', settled_block = NULL WHERE id IN
               (SELECT request_id FROM slots
                WHERE state = 'final' AND mined_ok = 1 AND mined_block > ?1
                UNION SELECT batch_members.request_id FROM slots JOIN batch_members USING (batch_id)
                WHERE state = 'final' AND mined_ok = 1 AND mined_block > ?1)",
            [above],
        )?;
        tx.execute(
            "UPDATE batches SET state = 'sending' WHERE id IN (SELECT batch_id FROM slots
               WHERE state = 'final' AND mined_ok = 1 AND mined_block > ?1)",
            [above],
        )?;
        batches::dissolve_above(&tx, above)?;
        tx.execute(
            "UPDATE OR IGNORE slots SET state = 'live' WHERE mined_block > ?1
               AND (state = 'mined' OR (state = 'final' AND mined_ok = 1))",
            [above],
        )?;
        let marked = tx.execute(
            "UPDATE jobs SET state = 'resync', settled_block = NULL, not_before_ms = 0
             WHERE (block_number > ?1 OR settled_block > ?1) AND state NOT IN ('sending', 'batched', 'removed')",
            [above],
        )?;
        tx.execute(
            "UPDATE jobs SET block_number = ?2 WHERE block_number > ?1",
            [above, NOWHERE],
        )?;
        tx.execute("DELETE FROM checkpoints WHERE number > ?1", [above])?;
        tx.commit()?;
        Ok(marked)
    }
}
