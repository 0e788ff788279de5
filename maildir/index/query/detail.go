package query

import (
	"context"
	"database/sql"
	"encoding/json"

	"postie/maildir/index"
)

// withDetails fills in what else the index keeps of the headers of messages: Cc and References.
func withDetails(ctx context.Context, s *index.Store, ms []index.Message) error {
	at := make(map[int64]int, len(ms))
	ids := make([]int64, len(ms))
	for i, m := range ms {
		at[m.ID], ids[i] = i, m.ID
	}
	list, err := json.Marshal(ids)
	if err != nil {
		return err
	}
	_, err = index.Rows(ctx, s, func(rows *sql.Rows) (bool, error) {
		var id int64
		var refs, cc string
		err := rows.Scan(&id, &refs, &cc)
		if i, ok := at[id]; ok {
			ms[i].Summary.References, ms[i].Summary.Cc = refs, cc
		}
		return true, err
	}, "SELECT message, refs, cc FROM detail WHERE message IN (SELECT value FROM json_each(?))", string(list))
	return err
}
