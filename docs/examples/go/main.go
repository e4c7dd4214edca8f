// Publishes a post of each member: ./publish HOST:PORT [structured|binary] [MEMBER...]
package main

import (
	"context"
	"encoding/json"
	"log"
	"os"
	"strings"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"
)

// post is a CloudEvent without its data. The id names what happened, so that a repeated send is seen to be the same.
func post(member string) map[string]any {
	return map[string]any{
		"specversion": "1.0",
		"type":        "activity.post.published",
		"source":      "/shop/community",
		"id":          "post-1-of-" + member,
		"subject":     member,
		"time":        time.Now().UTC().Format(time.RFC3339Nano),
	}
}

// record makes the value the event (structured), or the value the data and the rest headers (binary).
func record(topic, member, mode string) (*kgo.Record, error) {
	event := post(member)
	data := map[string]any{"media": true}
	made := &kgo.Record{Topic: topic, Key: []byte(member)}
	var err error
	if mode == "structured" {
		event["data"] = data
		made.Headers = []kgo.RecordHeader{{Key: "content-type", Value: []byte("application/cloudevents+json")}}
		made.Value, err = json.Marshal(event)
		return made, err
	}
	made.Headers = []kgo.RecordHeader{{Key: "content-type", Value: []byte("application/json")}}
	for name, value := range event {
		made.Headers = append(made.Headers, kgo.RecordHeader{Key: "ce_" + name, Value: []byte(value.(string))})
	}
	made.Value, err = json.Marshal(data)
	return made, err
}

func main() {
	if len(os.Args) < 2 {
		log.Fatal("usage: publish HOST:PORT [structured|binary] [MEMBER...]")
	}
	topic, mode, members := "activity.events", "structured", []string{"cleo", "dan"}
	if given := os.Getenv("TOPIC"); given != "" {
		topic = given
	}
	if len(os.Args) > 2 {
		mode = os.Args[2]
	}
	if len(os.Args) > 3 {
		members = os.Args[3:]
	}
	// franz-go is idempotent, waits for all replicas, and partitions as the Java client does: murmur2 of the key
	client, err := kgo.NewClient(kgo.SeedBrokers(strings.Split(os.Args[1], ",")...))
	if err != nil {
		log.Fatal(err)
	}
	defer client.Close()
	var records []*kgo.Record
	for _, member := range members {
		made, err := record(topic, member, mode)
		if err != nil {
			log.Fatal(err)
		}
		records = append(records, made)
	}
	if err := client.ProduceSync(context.Background(), records...).FirstErr(); err != nil {
		log.Fatal(err)
	}
}
