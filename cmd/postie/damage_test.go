package main

import (
	"bytes"
	"database/sql"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"testing"
)

// mischief is what befalls a database at rest: from is its Maildir root, with a journal if the run that left it was killed.
type mischief struct {
	name   string
	do     func(t *testing.T, root string)
	killed bool // it begins with what a run leaves that was killed: .postie.db with its journal
}

// mischiefs are those that are no chance. other is another root, with a database of its own.
func mischiefs(other string) []mischief {
	at := func(root string) string { return filepath.Join(root, ".postie.db") }
	cut := func(part func(int64) int64) func(*testing.T, string) {
		return func(t *testing.T, root string) {
			info, err := os.Stat(at(root))
			must(t, err)
			must(t, os.Truncate(at(root), part(info.Size())))
		}
	}
	from := func(suffixes ...string) func(*testing.T, string) {
		return func(t *testing.T, root string) {
			for _, suffix := range suffixes {
				copyFile(t, at(other)+suffix, at(root)+suffix)
			}
		}
	}
	return []mischief{
		{name: "cut to nothing", do: cut(func(int64) int64 { return 0 })},
		{name: "cut to half a header", do: cut(func(int64) int64 { return 50 })},
		{name: "cut to a page", do: cut(func(int64) int64 { return 4096 })},
		{name: "cut to a half", do: cut(func(n int64) int64 { return n / 2 })},
		{name: "cut to all but a page", do: cut(func(n int64) int64 { return n - 4096 })},
		{name: "cut to all but an octet", do: cut(func(n int64) int64 { return n - 1 })},
		{name: "zeros", do: func(t *testing.T, root string) {
			info, err := os.Stat(at(root))
			must(t, err)
			must(t, os.WriteFile(at(root), make([]byte, info.Size()), 0o600))
		}},
		{name: "zeros from a page on", do: func(t *testing.T, root string) {
			octets, err := os.ReadFile(at(root))
			must(t, err)
			clear(octets[4096:])
			must(t, os.WriteFile(at(root), octets, 0o600))
		}},
		{name: "another file", do: func(t *testing.T, root string) {
			must(t, os.WriteFile(at(root), []byte("this is no database at all\n"), 0o600))
		}},
		{name: "another program's database", do: func(t *testing.T, root string) {
			must(t, os.Remove(at(root)))
			spoil(t, root, "CREATE TABLE cookies (a)")
		}},
		{name: "gone", do: func(t *testing.T, root string) { must(t, os.Remove(at(root))) }},
		{name: "its journal gone", killed: true, do: func(t *testing.T, root string) { must(t, os.Remove(at(root)+"-wal")) }},
		{name: "its journal cut", killed: true, do: func(t *testing.T, root string) {
			info, err := os.Stat(at(root) + "-wal")
			must(t, err)
			must(t, os.Truncate(at(root)+"-wal", info.Size()/2+100))
		}},
		{name: "gone but for its journal", killed: true, do: func(t *testing.T, root string) { must(t, os.Remove(at(root))) }},
		{name: "some rows gone", do: func(t *testing.T, root string) {
			for _, table := range []string{"receipt", "pair", "message"} {
				spoil(t, root, "DELETE FROM "+table+" WHERE id % 3 = 0")
			}
		}},
		{name: "some receipts gone", do: func(t *testing.T, root string) { spoil(t, root, "DELETE FROM receipt WHERE id % 3 = 0") }},
		{name: "some pairs gone", do: func(t *testing.T, root string) { spoil(t, root, "DELETE FROM pair WHERE id % 3 = 0") }},
		{name: "some messages gone", do: func(t *testing.T, root string) { spoil(t, root, "DELETE FROM message WHERE id % 3 = 0") }},
		{name: "another's journal", do: from("-wal")},
		{name: "another's journal for its own", killed: true, do: from("-wal")},
		{name: "another's database", do: from("")},
		{name: "another's database, with its own journal", killed: true, do: from("")},
		{name: "another's database and journal", do: from("", "-wal")},
	}
}

// tables are those of a database.
func tables(t *testing.T, root string) (names []string) {
	t.Helper()
	db, err := sql.Open("sqlite", filepath.Join(root, ".postie.db"))
	must(t, err)
	defer db.Close()
	rows, err := db.Query("SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%' AND name NOT LIKE 'text_%' ORDER BY name")
	must(t, err)
	for rows.Next() {
		var name string
		must(t, rows.Scan(&name))
		names = append(names, name)
	}
	must(t, rows.Err())
	return names
}

// emptied are the tables of a database, each emptied and each dropped.
func emptied(t *testing.T, root string) (all []mischief) {
	for _, table := range tables(t, root) {
		for what, statement := range map[string]string{"emptied": "DELETE FROM ", "dropped": "DROP TABLE "} {
			if table == "text" && what == "emptied" {
				statement = "INSERT INTO text (text) VALUES ('delete-all') -- "
			}
			all = append(all, mischief{name: table + " " + what, do: func(t *testing.T, root string) { spoil(t, root, statement+table) }})
		}
	}
	return all
}

func spoil(t *testing.T, root, statement string) {
	t.Helper()
	db, err := sql.Open("sqlite", filepath.Join(root, ".postie.db"))
	must(t, err)
	must(t, behind(db, statement))
	must(t, db.Close())
}

// behind executes a statement as damage does: behind the back of what counts pairs.
func behind(db *sql.DB, statement string, args ...any) error {
	db.SetMaxOpenConns(1)
	db.Exec("CREATE TEMP TABLE kept AS SELECT id, pairs FROM box") // where there is such a table
	_, err := db.Exec(statement, args...)
	db.Exec("UPDATE box SET pairs = (SELECT pairs FROM kept WHERE kept.id = box.id) WHERE id IN (SELECT id FROM kept)")
	db.Exec("DROP TABLE kept")
	return err
}

func copyFile(t *testing.T, from, to string) {
	t.Helper()
	octets, err := os.ReadFile(from)
	must(t, err)
	must(t, os.WriteFile(to, octets, 0o600))
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// accidents is how many times chance damages a database: some dozens, 10,000 with POSTIE_TEST_LONG=1, or POSTIE_TEST_ROUNDS.
func accidents(few int) int {
	if os.Getenv("POSTIE_TEST_LONG") != "" {
		few = 10000
	}
	if n, err := strconv.Atoi(os.Getenv("POSTIE_TEST_ROUNDS")); err == nil {
		few = n
	}
	return few
}

// accident is one by chance: a bit, some octets, or a sector of the file is not what it was; or one value of a row, which no check of
// SQLite's finds, or a row is gone.
func accident(n uint64) mischief {
	random := rand.New(rand.NewPCG(n, 0))
	kind := []string{"a bit", "an octet", "ten octets", "a sector", "a value", "a value", "a row"}[n%7]
	if kind == "a value" || kind == "a row" {
		return mischief{name: fmt.Sprintf("%s by chance, %d", kind, n), do: func(t *testing.T, root string) { spoilRow(t, root, random, kind == "a row") }}
	}
	return mischief{name: fmt.Sprintf("%s by chance, %d", kind, n), do: func(t *testing.T, root string) {
		path := filepath.Join(root, ".postie.db")
		octets, err := os.ReadFile(path)
		must(t, err)
		at := random.IntN(len(octets))
		switch kind {
		case "a bit":
			octets[at] ^= 1 << random.IntN(8)
		case "an octet":
			octets[at] = byte(random.Uint32())
		case "ten octets":
			for range 10 {
				octets[random.IntN(len(octets))] = byte(random.Uint32())
			}
		case "a sector":
			at -= at % 512
			for i := range octets[at : at+512] {
				octets[at+i] = byte(random.Uint32()) * byte(n/7%2) // or zeros
			}
		}
		must(t, os.WriteFile(path, octets, 0o600))
	}}
}

// spoilRow flips a bit of one value in a row of a table, or takes the row away.
func spoilRow(t *testing.T, root string, random *rand.Rand, remove bool) {
	t.Helper()
	db, err := sql.Open("sqlite", filepath.Join(root, ".postie.db"))
	must(t, err)
	defer func() { must(t, db.Close()) }()
	pick := func(query string, args ...any) string {
		rows, err := db.Query(query, args...)
		if err != nil {
			return "" // a table that this database has not
		}
		defer rows.Close()
		var all []string
		for rows.Next() {
			var one string
			must(t, rows.Scan(&one))
			all = append(all, one)
		}
		must(t, rows.Err())
		if len(all) == 0 {
			return ""
		}
		return all[random.IntN(len(all))]
	}
	id := ""
	table, tables := "", []string{"receipt", "receipt", "pair", "pair", "pair", "message", "message", "box", "box", "mailbox", "account", "maildrop", "meta", "part"}
	for id == "" {
		table = tables[random.IntN(len(tables))]
		id = pick("SELECT rowid FROM " + table)
	}
	if remove {
		t.Logf("a row of %s is gone", table)
		must(t, behind(db, "DELETE FROM "+table+" WHERE rowid = ?", id))
		return
	}
	column := pick("SELECT name FROM pragma_table_info(?)", table)
	var was any
	must(t, db.QueryRow("SELECT "+column+" FROM "+table+" WHERE rowid = ?", id).Scan(&was))
	now := was
	switch v := was.(type) {
	case int64:
		now = v ^ 1<<(random.IntN(63)/(1+random.IntN(8)))
	case string:
		if octets := []byte(v); len(octets) > 0 {
			octets[random.IntN(len(octets))] ^= 1 << random.IntN(5)
			now = string(octets)
		}
	case []byte:
		if len(v) > 0 {
			octets := bytes.Clone(v)
			octets[random.IntN(len(octets))] ^= 1 << random.IntN(8)
			now = octets
		}
	}
	t.Logf("%s.%s is %v and was %v", table, column, now, was)
	_, err = db.Exec("PRAGMA ignore_check_constraints = 1")
	must(t, err)
	_, err = db.Exec("UPDATE "+table+" SET "+column+" = ? WHERE rowid = ?", now, id)
	if err != nil {
		t.Log(err) // of an index that allows one such row
	}
}
