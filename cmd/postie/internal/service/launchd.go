package service

import (
	"encoding/xml"
	"fmt"
	"path/filepath"
	"strings"
)

// agent is a property list as launchd.plist(5) has it.
func (j Job) agent(logs string) string {
	var b strings.Builder
	b.WriteString(xml.Header + `<!DOCTYPE plist PUBLIC "-//Apple//DTD PLIST 1.0//EN" "http://www.apple.com/DTDs/PropertyList-1.0.dtd">` + "\n")
	fmt.Fprintf(&b, "<!-- %s -->\n<plist version=\"1.0\">\n<dict>\n", marker)
	pair := func(key, value string) { fmt.Fprintf(&b, "\t<key>%s</key>\n\t%s\n", key, value) }
	text := func(s string) string {
		var escaped strings.Builder
		xml.EscapeText(&escaped, []byte(s)) // a strings.Builder does not fail
		return "<string>" + escaped.String() + "</string>"
	}
	pair("Label", text(j.Name()))
	var words strings.Builder
	for _, arg := range j.argv(true) {
		words.WriteString("\t\t" + text(arg) + "\n")
	}
	pair("ProgramArguments", "<array>\n"+words.String()+"\t</array>")
	if j.Commands {
		pair("EnvironmentVariables", "<dict>\n\t\t<key>PATH</key>\n\t\t"+text(j.Path)+"\n\t</dict>")
	}
	pair("RunAtLoad", "<true/>")
	if j.Verb == "watch" {
		pair("KeepAlive", "<dict>\n\t\t<key>SuccessfulExit</key>\n\t\t<false/>\n\t</dict>")
		pair("ThrottleInterval", "<integer>30</integer>")
	} else {
		pair("StartInterval", fmt.Sprintf("<integer>%d</integer>", seconds(j.Every)))
	}
	pair("ProcessType", text("Background"))
	pair("LowPriorityIO", "<true/>")
	pair("Umask", "<integer>63</integer>") // 0077: a property list has no octal numbers
	log := text(filepath.Join(logs, j.Name()+".log"))
	pair("StandardOutPath", log)
	pair("StandardErrorPath", log)
	b.WriteString("</dict>\n</plist>\n")
	return b.String()
}
