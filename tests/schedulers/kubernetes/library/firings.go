// Asks robfig/cron itself, the library in Kubernetes' CronJob controller: schedule, zone, from, to on each line of
// standard input (tab-separated, epoch seconds), the instants on a line of standard output. Each search goes on from the last
// Job before, as the controller's does.
package main

import (
	"bufio"
	"fmt"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/robfig/cron"
)

func main() {
	lines := bufio.NewScanner(os.Stdin)
	out := bufio.NewWriter(os.Stdout)
	defer out.Flush()
	for lines.Scan() {
		asked := strings.Split(lines.Text(), "\t")
		rule, err := cron.ParseStandard("TZ=" + asked[1] + " " + asked[0])
		if err != nil {
			fmt.Fprintln(out, "error: "+err.Error())
			continue
		}
		from, _ := strconv.ParseInt(asked[2], 10, 64)
		to, _ := strconv.ParseInt(asked[3], 10, 64)
		found := []string{}
		at := time.Unix(from-366*86400, 0).UTC()
		for {
			at = rule.Next(at)
			if at.IsZero() || at.Unix() >= to {
				break
			}
			if at.Unix() >= from {
				found = append(found, strconv.FormatInt(at.Unix(), 10))
			}
		}
		fmt.Fprintln(out, strings.Join(found, " "))
	}
}
