#!/bin/sh
# Runs as nginx's container starts: whom nginx asks for the servers' addresses is who answers this container, the first
# of its list (Docker: 127.0.0.11; Podman: the network's gateway). A second one would know nothing of this network.
set -eu
awk '$1 == "nameserver" {
  print "resolver " ($2 ~ /:/ ? "[" $2 "]" : $2) " valid=5s;"
  exit
}' /etc/resolv.conf > /tmp/resolver.conf
