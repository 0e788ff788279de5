package service

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// units are a service and, but for watch, the timer that starts it.
func (j Job) units(dir string) []File {
	service := File{filepath.Join(dir, j.Name()+".service"), j.service()}
	if j.Verb == "watch" {
		return []File{service}
	}
	return []File{service, {filepath.Join(dir, j.Name()+".timer"), j.timer()}}
}

func (j Job) service() string {
	var b strings.Builder
	line := func(format string, args ...any) { fmt.Fprintf(&b, format+"\n", args...) }
	line("# %s", marker)
	line("[Unit]\nDescription=%s", strings.ReplaceAll(j.about(), "%", "%%"))
	if j.Verb == "watch" {
		line("\n[Service]\nType=notify\nNotifyAccess=main")
		line("ExecStart=%s", execLine(j.argv(false)))
		line("ExecReload=/bin/kill -HUP $MAINPID")
		line("# A wrong configuration (2) and a refused login (4) do not pass by themselves.")
		line("Restart=on-failure\nRestartSec=30s\nRestartPreventExitStatus=2 4")
		line("# The message in hand is finished first.\nTimeoutStopSec=90s\nWatchdogSec=10min")
	} else {
		line("\n[Service]\nType=oneshot")
		line("ExecStart=%s", execLine(j.argv(false)))
	}
	for _, c := range j.Credentials {
		line("LoadCredential=%s", quote("postie."+c.Account+":"+c.File))
	}
	b.WriteString(j.sandbox())
	if j.Verb == "watch" {
		line("\n[Install]\nWantedBy=default.target")
	}
	return b.String()
}

func (j Job) timer() string {
	s := seconds(j.Every)
	return fmt.Sprintf(`# %s
[Unit]
Description=%s, now and then

[Timer]
OnStartupSec=1min
OnUnitInactiveSec=%ds
# So that not everybody asks the server at the same second.
RandomizedDelaySec=%ds

[Install]
WantedBy=timers.target
`, marker, strings.ReplaceAll(j.about(), "%", "%%"), s, max(1, s/10))
}

// The sandbox of a job that runs no commands but postie. The first part needs no privilege; the second needs user namespaces, and a unit
// that asks for it without them does not start.
const (
	confined = `LockPersonality=yes
MemoryDenyWriteExecute=yes
RestrictAddressFamilies=AF_INET AF_INET6 AF_UNIX AF_NETLINK
RestrictNamespaces=yes
RestrictRealtime=yes
RestrictSUIDSGID=yes
SystemCallArchitectures=native
SystemCallErrorNumber=EPERM
SystemCallFilter=@system-service
SystemCallFilter=~@privileged @resources
`
	apart = `CapabilityBoundingSet=
PrivateDevices=yes
PrivateTmp=yes
PrivateUsers=yes
ProcSubset=pid
ProtectClock=yes
ProtectControlGroups=yes
ProtectHostname=yes
ProtectKernelLogs=yes
ProtectKernelModules=yes
ProtectKernelTunables=yes
ProtectProc=invisible
ProtectSystem=strict
`
)

func (j Job) sandbox() string {
	const always = "UMask=0077\nNoNewPrivileges=yes\n"
	if j.Commands {
		return "UMask=0077\n# It runs commands of yours (hooks, password_command, …), and what they need is not known: nothing is kept out of their reach.\n" +
			"Environment=" + quote("PATH="+j.Path) + "\n"
	}
	if !j.Namespaces {
		return always + confined + "# This machine lets users make no namespaces: folders cannot be kept out of its reach.\n"
	}
	var b strings.Builder
	b.WriteString(always + confined + apart)
	for _, dir := range j.Writes {
		fmt.Fprintf(&b, "ReadWritePaths=%s\n", quote("-"+dir))
	}
	return b.String()
}

// Namespaces says whether an unprivileged process may make user namespaces on this machine, by what its kernel and AppArmor are told.
func Namespaces() bool {
	is := func(path, value string) bool {
		text, err := os.ReadFile(path)
		return err == nil && strings.TrimSpace(string(text)) == value
	}
	return !is("/proc/sys/user/max_user_namespaces", "0") && !is("/proc/sys/kernel/unprivileged_userns_clone", "0") &&
		!is("/proc/sys/kernel/apparmor_restrict_unprivileged_userns", "1")
}

// execLine is a command line as systemd.service(5) reads it: '$' begins a variable there.
func execLine(argv []string) string {
	if strings.ContainsAny(argv[0], "\"'\\$%") { // not allowed in the name of what is to be run
		argv = append([]string{"/usr/bin/env"}, argv...)
	}
	words := make([]string, len(argv))
	for i, arg := range argv {
		words[i] = strings.ReplaceAll(quote(arg), "$", "$$")
	}
	return strings.Join(words, " ")
}

// quote is a word as systemd.syntax(7) reads it: with '%' doubled, since it begins a specifier.
func quote(word string) string {
	word = strings.ReplaceAll(word, "%", "%%")
	if word != "" && !strings.ContainsAny(word, " \t\n\"'\\;") {
		return word
	}
	return `"` + strings.NewReplacer(`\`, `\\`, `"`, `\"`, "\n", `\n`, "\t", `\t`).Replace(word) + `"`
}
