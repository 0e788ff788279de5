package look

import (
	"cmp"
	"context"
	"path"
	"slices"

	"postie/maildir"
)

// compare walks the names of a folder and its rows side by side.
func compare[R Row](ctx context.Context, known Known[R], f *Folder, names *listing, without []string, places maildir.Places) (*Delta[R], error) {
	same, err := known.Same(f)
	if err != nil {
		return nil, err
	}
	names.sort()
	c := &comparison[R]{Delta: &Delta[R]{}, folder: f, names: names, without: without, another: places.Others(f.Places), same: same}
	c.New.names = names
	rest := names.at
	var rows []R
	flush := func() {
		if len(rows) == 0 {
			return
		}
		key := rows[0].File().Key
		for len(rest) > 0 && string(names.key(rest[0])) < string(key) {
			rest = c.takeNew(rest)
		}
		n := 0
		if len(rest) > 0 && string(names.key(rest[0])) == string(key) {
			n = names.group(rest)
		}
		c.match(rows, rest[:n])
		rows, rest = rows[:0], rest[n:]
	}
	for row, err := range known.ByKey(ctx, f) {
		if err != nil {
			return nil, err
		}
		if len(rows) > 0 && rows[0].File().Key != row.File().Key {
			flush()
		}
		rows = append(rows, row)
	}
	flush()
	for len(rest) > 0 {
		rest = c.takeNew(rest)
	}
	c.lose()
	return c.Delta, nil
}

// comparison is one compare at work.
type comparison[R Row] struct {
	*Delta[R]
	folder  *Folder
	names   *listing
	without []string
	another []string // those of new/ and cur/ that are other folders than were recorded
	kept    []string // those of them in which a file lies that lay there
	same    func(R, maildir.Entry) bool
}

// takeNew takes the first names, of a key that no row has.
func (c *comparison[R]) takeNew(rest []uint32) []uint32 {
	n := c.names.group(rest)
	if n == 1 {
		c.New.at = append(c.New.at, rest[0])
		return rest[1:]
	}
	if there := c.names.there(c.folder.Dir, rest[:n]); len(there) > 1 {
		c.Twins = append(c.Twins, Twins[R]{Files: there})
	} else {
		c.New.at = append(c.New.at, rest[slices.IndexFunc(rest, func(at uint32) bool { return c.names.lies(at, there[0]) })])
	}
	return rest[n:]
}

// match takes the rows of a key, and the names that have it.
func (c *comparison[R]) match(rows []R, at []uint32) {
	if len(c.another) > len(c.kept) {
		c.keep(rows, at)
	}
	for _, n := range at {
		if kind := c.names.odd[n]; kind != 0 {
			c.Odd = append(c.Odd, Odd{c.names.entry(n), maildir.KindOf(kind)})
		}
	}
	switch {
	case len(at) == 0:
		for _, row := range rows {
			c.takeMissing(row)
		}
	case len(rows) == 1 && len(at) == 1:
		if row := rows[0]; !c.names.lies(at[0], row.File()) || c.folder.Whole || c.same != nil && !c.same(row, row.File()) {
			c.Files = append(c.Files, Seen[R]{row, c.names.entry(at[0])})
		}
	default:
		there := c.names.there(c.folder.Dir, at)
		if len(rows) == 1 && len(there) == 1 {
			c.Files = append(c.Files, Seen[R]{rows[0], there[0]})
			return
		}
		home := func(e maildir.Entry) int {
			if slices.ContainsFunc(rows, func(r R) bool { return r.File().Rel() == e.Rel() }) {
				return 0
			}
			return 1
		}
		slices.SortStableFunc(there, func(a, b maildir.Entry) int { return home(a) - home(b) })
		c.Twins = append(c.Twins, Twins[R]{slices.Clone(rows), there})
	}
}

// takeMissing takes a row no file of which was seen.
func (c *comparison[R]) takeMissing(row R) {
	switch {
	case !row.Expected():
		c.Absent = append(c.Absent, row)
	case slices.Contains(c.without, path.Dir(row.File().Rel())):
		c.Lost = append(c.Lost, row)
	default:
		c.Missing = append(c.Missing, row)
	}
}

// keep notes what is left of a new/ or cur/ that is another folder now.
func (c *comparison[R]) keep(rows []R, at []uint32) {
	for _, row := range rows {
		sub := path.Dir(row.File().Rel())
		there := func(at uint32) bool { return path.Dir(c.names.entry(at).Rel()) == sub }
		if slices.Contains(c.another, sub) && !slices.Contains(c.kept, sub) && slices.ContainsFunc(at, there) {
			c.kept = append(c.kept, sub)
		}
	}
}

// lose takes what is missing for lost where nothing is left of what a new/ or cur/ held, and it is another folder now.
func (c *comparison[R]) lose() {
	var missing []R
	for _, row := range c.Missing {
		sub := path.Dir(row.File().Rel())
		if !slices.Contains(c.another, sub) || slices.Contains(c.kept, sub) {
			missing = append(missing, row)
			continue
		}
		c.Lost = append(c.Lost, row)
		if !slices.Contains(c.Anew, sub) {
			c.Anew = append(c.Anew, sub)
		}
	}
	c.Missing = missing
	slices.SortStableFunc(c.Lost, func(a, b R) int { return cmp.Compare(a.File().Key, b.File().Key) })
}
