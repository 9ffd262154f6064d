package localbroker

import (
	"log/slog"
	"sync"
	"testing"
	"time"

	paho "github.com/eclipse/paho.mqtt.golang"
	mochi "github.com/mochi-mqtt/server/v2"
)

func TestClosingWhileClientsComeAndGo(t *testing.T) {
	for range 20 {
		server, at, err := New("127.0.0.1:0", mochi.Options{Logger: slog.New(slog.DiscardHandler)}, new(OpenDoor))
		if err != nil {
			t.Fatal(err)
		}
		if err := server.Serve(); err != nil {
			t.Fatal(err)
		}
		lost := make(chan struct{})
		c := paho.NewClient(paho.NewClientOptions().AddBroker("tcp://" + at).SetClientID("stays").SetAutoReconnect(false).
			SetConnectionLostHandler(func(paho.Client, error) { close(lost) }))
		if token := c.Connect(); !token.WaitTimeout(10*time.Second) || token.Error() != nil {
			t.Fatalf("connect: %v", token.Error())
		}
		stop := make(chan struct{})
		var others sync.WaitGroup
		others.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				server.Clients.Add(&mochi.Client{ID: "comes and goes"})
				server.Clients.Delete("comes and goes")
			}
		})
		closed := make(chan error, 1)
		go func() { closed <- server.Close() }()
		late := time.After(10 * time.Second)
		select {
		case err := <-closed:
			if err != nil {
				t.Error(err)
			}
		case <-late:
			t.Fatal("the server does not close")
		}
		select {
		case <-lost:
		case <-late:
			t.Fatal("the client was not cut off")
		}
		close(stop)
		others.Wait()
	}
}
