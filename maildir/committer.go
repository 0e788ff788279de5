package maildir

import (
	"errors"
	"syscall"
)

// A batch is as large as what an interrupted run may lose, and as what one flush of the disk should serve.
const (
	BatchMessages = 256
	BatchBytes    = 8 << 20 // octets
)

// Committer collects messages in batches and has one made durable, in a goroutine of its own, while the next one comes in.
// T is what the caller knows of a message. NewCommitter makes one; Close must be called, once.
type Committer[T any] struct {
	limit  int
	step   func(string)
	commit func(*Batch, []T) error

	current *portion[T]
	queue   chan *portion[T]
	done    chan struct{}
	failed  chan struct{} // closed at the first error
	err     error         // valid once failed or done is closed
}

// portion is a batch and what is known of its messages.
type portion[T any] struct {
	files Batch
	items []T
}

// NewCommitter returns a Committer that calls commit for each full batch, one after the other, never two at once. A batch
// is full at limit messages (0: 256) or 8 MiB. Step is that of the batches. The first error of commit ends everything; it
// should be one that the next batch would meet too.
func NewCommitter[T any](limit int, step func(string), commit func(*Batch, []T) error) *Committer[T] {
	if limit == 0 {
		limit = BatchMessages
	}
	c := &Committer[T]{limit: limit, step: step, commit: commit,
		queue: make(chan *portion[T]), done: make(chan struct{}), failed: make(chan struct{})}
	c.begin()
	go c.work()
	return c
}

func (c *Committer[T]) begin() { c.current = &portion[T]{files: Batch{Step: c.step}} }

// Create begins a draft in dir. A batch holds a descriptor for each message: where there are none left, it waits until
// all that was added is durable.
func (c *Committer[T]) Create(dir Dir) (*Draft, error) {
	draft, err := dir.Create()
	if errors.Is(err, syscall.EMFILE) || errors.Is(err, syscall.ENFILE) {
		c.drain()
		draft, err = dir.Create()
	}
	return draft, err
}

// Stage puts a draft that is written in full into the current batch, and gives the key that it will have. Add must follow.
func (c *Committer[T]) Stage(f *Draft, flags Flags) Key { return c.current.files.Add(f, flags) }

// Add puts a message into the current batch, with its draft if one was staged. It waits while a full batch finds the one
// before not yet durable. The error is that of an earlier commit: nothing more will be stored.
func (c *Committer[T]) Add(item T) error {
	p := c.current
	p.items = append(p.items, item)
	if len(p.items) < c.limit && p.files.Bytes() < BatchBytes {
		return nil
	}
	return c.flush()
}

func (c *Committer[T]) flush() error {
	p := c.current
	c.begin()
	select {
	case c.queue <- p:
		return nil
	case <-c.failed:
		p.files.Close()
		return c.err
	}
}

// drain waits until all that was added is durable.
func (c *Committer[T]) drain() {
	c.flush()
	c.flush() // an empty batch is taken when the one before is done
}

// Close commits what is left, waits for all, and returns the error that ended it, if one did.
func (c *Committer[T]) Close() error {
	c.flush() // its error is c.err
	close(c.queue)
	<-c.done
	return c.err
}

func (c *Committer[T]) work() {
	defer close(c.done)
	for p := range c.queue {
		if len(p.items) == 0 {
			continue
		}
		if c.err = c.commit(&p.files, p.items); c.err != nil {
			p.files.Close()
			close(c.failed)
			return
		}
	}
}

// Hopeless says whether an error of the store would strike every further message too: a disk that is full, or turned
// read-only.
func Hopeless(err error) bool {
	return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT) || errors.Is(err, syscall.EROFS)
}

// Split parts the messages of a batch by the outcome of its Sync or Publish: those that were stored, and those that
// failed, each of which failed is told with its cause. The error is one that every further message would meet, or nil.
func Split[T any](items []T, outcome error, key func(T) Key, failed func(T, error)) (stored, lost []T, err error) {
	var failures Failures
	if !errors.As(outcome, &failures) {
		return items, nil, outcome
	}
	why := make(map[Key]error, len(failures))
	for _, f := range failures {
		why[f.Key] = f.Err
	}
	for _, it := range items {
		switch cause := why[key(it)]; {
		case cause == nil:
			stored = append(stored, it)
			continue
		case Hopeless(cause):
			err = cause
		default:
			failed(it, cause)
		}
		lost = append(lost, it)
	}
	return stored, lost, err
}
