package ui

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strconv"
	"strings"
)

// ErrNoAnswer says that the input ended before a question was answered.
var ErrNoAnswer = errors.New("the input ended before the question was answered")

// Asker asks questions: they go to standard error, so that standard output holds only what was asked for.
type Asker struct {
	u  *UI
	in *bufio.Reader
}

// Asker returns one that reads answers from in, a line each.
func (u *UI) Asker(in io.Reader) *Asker { return &Asker{u, bufio.NewReader(in)} }

// Interactive says whether there is somebody to ask: standard input and standard error are a terminal.
func (u *UI) Interactive() bool { return u.opt.Terminal(os.Stdin) && u.err.tty }

// Ask asks for one line; an empty one is def. An answer that check (nil: none) refuses is asked for again. The error is
// the context's, or ErrNoAnswer.
func (q *Asker) Ask(ctx context.Context, question, def string, check func(string) error) (string, error) {
	for {
		prompt := q.u.err.paint(Bold, indent(question, "  "))
		if def != "" {
			prompt += " [" + Clean(def) + "]"
		}
		q.u.write(&q.u.err, prompt+": ")
		answer, err := q.line(ctx)
		if err != nil {
			q.u.write(&q.u.err, "\n")
			return "", err
		}
		if answer == "" {
			answer = def
		}
		if check == nil {
			return answer, nil
		}
		if err = check(answer); err == nil {
			return answer, nil
		}
		q.u.write(&q.u.err, "  "+indent(err.Error(), "  ")+"\n")
	}
}

// Choose offers numbered options and returns the index of the one that was taken; def is the index for an empty line.
func (q *Asker) Choose(ctx context.Context, question string, def int, options ...string) (int, error) {
	var b strings.Builder
	b.WriteString(q.u.err.paint(Bold, indent(question, "  ")) + "\n")
	for i, o := range options {
		fmt.Fprintf(&b, "  %d  %s\n", i+1, indent(q.fit(o), "     "))
	}
	q.u.write(&q.u.err, b.String())
	taken := def
	_, err := q.Ask(ctx, "Number", strconv.Itoa(def+1), func(s string) error {
		n, err := strconv.Atoi(s)
		if err != nil || n < 1 || n > len(options) {
			return fmt.Errorf("a number from 1 to %d, please", len(options))
		}
		taken = n - 1
		return nil
	})
	return taken, err
}

// fit breaks an option between words where it is too long for the terminal's line.
func (q *Asker) fit(option string) string {
	if !q.u.err.tty {
		return option
	}
	return wrap(option, max(20, q.u.columns()-6))
}

// Confirm asks a question of yes and no.
func (q *Asker) Confirm(ctx context.Context, question string, def bool) (yes bool, err error) {
	_, err = q.Ask(ctx, question, map[bool]string{true: "yes", false: "no"}[def], func(s string) error {
		switch strings.ToLower(s) {
		case "y", "yes":
			yes = true
		case "n", "no":
			yes = false
		default:
			return errors.New("yes or no, please")
		}
		return nil
	})
	return yes, err
}

// line reads one line. What is left behind when the context ends reads on until the program does.
func (q *Asker) line(ctx context.Context) (string, error) {
	type result struct {
		text string
		err  error
	}
	done := make(chan result, 1)
	go func() {
		text, err := q.in.ReadString('\n')
		done <- result{text, err}
	}()
	select {
	case r := <-done:
		text := strings.TrimSpace(strings.ToValidUTF8(r.text, ""))
		if r.err != nil && text == "" {
			return "", ErrNoAnswer
		}
		return text, nil
	case <-ctx.Done():
		return "", context.Cause(ctx)
	}
}

// Say tells what the user is to do or to know before the next question, also when quiet.
func (q *Asker) Say(text string) { q.u.write(&q.u.err, strings.TrimRight(CleanText(text), "\n")+"\n") }
