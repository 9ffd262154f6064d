# The agent as a static binary in an image that holds nothing else.
#   docker build -t keeplit .        (or: buildah build --format docker -t keeplit .)
#   docker run -v keeplit:/data -p 8080:8080 keeplit
ARG GO_IMAGE=docker.io/library/golang:1.26-bookworm
FROM ${GO_IMAGE} AS build
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
ARG TARGETOS=linux
ARG TARGETARCH
ARG TARGETVARIANT
ARG VERSION=development
RUN CGO_ENABLED=0 GOOS=${TARGETOS} GOARCH=${TARGETARCH:-$(go env GOARCH)} GOARM=${TARGETVARIANT#v} \
    go build -trimpath -ldflags "-s -w -X main.version=${VERSION}" -o /out/agent ./cmd/agent && \
    mkdir -p /out/data /out/tmp

FROM scratch
# Zone data for programs that look for it; the binary also carries its own.
COPY --from=build /usr/local/go/lib/time/zoneinfo.zip /usr/local/go/lib/time/zoneinfo.zip
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/ca-certificates.crt
COPY --from=build /out/agent /agent
COPY --from=build --chown=65532:65532 /out/data /data
# For the demo (docker run -p 8080:8080 keeplit demo --listen :8080).
COPY --from=build --chown=65532:65532 /out/tmp /tmp
ENV ZONEINFO=/usr/local/go/lib/time/zoneinfo.zip
USER 65532:65532
VOLUME /data
WORKDIR /data
EXPOSE 8080
HEALTHCHECK --interval=30s --timeout=5s --start-period=20s CMD ["/agent", "status", "--health"]
ENTRYPOINT ["/agent"]
CMD ["run", "--stay", "/data/keeplit.yaml"]
