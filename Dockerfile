# wgdp in an image of Debian packages only.
#
#   docker build -t wgdp .
#   docker run --rm --privileged --network host -v /etc/wgdp:/etc/wgdp wgdp
#
# Privileged for hugepages and PCI; net_af_packet ports with hugepages: false need no more than
# --cap-drop ALL --cap-add NET_ADMIN --cap-add NET_RAW.
FROM debian:12-slim AS build
WORKDIR /src
COPY scripts/install-deps scripts/
RUN ./scripts/install-deps build
COPY . .
RUN ./scripts/build

FROM debian:12-slim
COPY scripts/install-deps /tmp/
RUN /tmp/install-deps runtime && rm -rf /tmp/install-deps /var/lib/apt/lists/*
COPY --from=build /src/build/app/wgdp /src/build/app/wgdp-ctl /usr/bin/
ENTRYPOINT ["/usr/bin/wgdp"]
CMD ["-c", "/etc/wgdp/wgdp.yaml"]
