// Command postie retrieves mail: fetch is the POP3 workflow, sync the IMAP one. See the README.
package main

import "os"

func main() { os.Exit(run(os.Args[1:], os.Stdout, os.Stderr)) }
