"""The figures of `weft serve`: requests for lists by wrk, beside nginx with a static file of the
same size, and open streams. Needs wrk and nginx-light; no broker."""

import os
import random
import re
import resource
import socket
import subprocess
import tempfile
import time

CONNECTIONS = (1, 64, 1024)
SECONDS = 10
STREAMS = 10000
PATH = "/v1/visitors/u{:07d}/lists/home?limit=10"

LUA = """
local visitors = {visitors}
request = function()
    return wrk.format("GET", string.format(
        "/v1/visitors/u%07d/lists/home?limit=10", math.random(0, visitors - 1)))
end
"""

NGINX = """
worker_processes 1;
daemon off;
error_log {folder}/error.log;
pid {folder}/nginx.pid;
events {{ worker_connections 4096; }}
http {{
    access_log off;
    sendfile on;
    keepalive_requests 1000000;
    client_body_temp_path {folder};
    proxy_temp_path {folder};
    fastcgi_temp_path {folder};
    uwsgi_temp_path {folder};
    scgi_temp_path {folder};
    server {{ listen 127.0.0.1:{port}; root {folder}/www; }}
}}
"""


def resident_mb(pid):
    with open(f"/proc/{pid}/status") as file:
        return int(re.search(r"VmRSS:\s+(\d+)", file.read()).group(1)) / 1024


def in_ms(text):
    match = re.match(r"([\d.]+)(us|ms|s)", text)
    if match is None:  # no request was answered
        return float("nan")
    number, unit = match.groups()
    return float(number) * {"us": .001, "ms": 1, "s": 1000}[unit]


def cpu_seconds(pid):
    """Of the process and its children."""
    total = 0
    for each in [pid, *map(int, subprocess.run(["pgrep", "-P", str(pid)], capture_output=True,
                                               text=True).stdout.split())]:
        with open(f"/proc/{each}/stat") as file:
            fields = file.read().rsplit(")", 1)[1].split()
        total += (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")
    return total


def wrk(pid, url, connections, *more):
    """(requests/s, p50 ms, p99 ms, CPU microseconds a request, errors)"""
    before = cpu_seconds(pid)
    out = subprocess.run(["wrk", "-t1", f"-c{connections}", f"-d{SECONDS}", "--latency", *more,
                          url],
                         capture_output=True, text=True, check=True).stdout
    return (float(re.search(r"Requests/sec:\s+([\d.]+)", out).group(1)),
            in_ms(re.search(r"50%\s+(\S+)", out).group(1)),
            in_ms(re.search(r"99%\s+(\S+)", out).group(1)),
            (cpu_seconds(pid) - before) * 1e6 /
            max(int(re.search(r"(\d+) requests in", out).group(1)), 1),
            re.findall(r"Non-2xx.*|Socket errors.*", out))


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def static_file(folder, body, connections):
    """nginx with one worker and a file of that size."""
    port = free_port()
    os.makedirs(f"{folder}/www", exist_ok=True)
    with open(f"{folder}/www/lists.json", "wb") as file:
        file.write(body)
    with open(f"{folder}/nginx.conf", "w") as file:
        file.write(NGINX.format(folder=folder, port=port))
    server = subprocess.Popen(["nginx", "-c", f"{folder}/nginx.conf", "-p", folder],
                              stderr=subprocess.DEVNULL)
    time.sleep(1)
    row = wrk(server.pid, f"http://127.0.0.1:{port}/lists.json", connections)
    server.terminate()
    server.wait()
    return row


def ask(port, path):
    with socket.create_connection(("127.0.0.1", port)) as connection:
        connection.sendall(f"GET {path} HTTP/1.0\r\nHost: localhost\r\n\r\n".encode())
        answer = b""
        while part := connection.recv(65536):
            answer += part
    return answer.split(b"\r\n\r\n", 1)[1]


def streams(port, pid, count):
    """Opens that many streams, and reads the first message of each."""
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    before, started, opened = resident_mb(pid), time.time(), []
    for _ in range(min(count, hard - 100)):
        connection = socket.create_connection(("127.0.0.1", port))
        path = f"/v1/visitors/u{random.randrange(1000):07d}/stream?limit=1"
        connection.sendall(f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
        opened.append(connection)
    first = sum(b"text/event-stream" in connection.recv(4096) for connection in opened)
    print(f"  {first} of {len(opened)} streams open in {time.time() - started:.1f} s, "
          f"{(resident_mb(pid) - before) * 1024 / max(first, 1):.1f} KB each", flush=True)
    for connection in opened:
        connection.close()


def serve(program, visitors):
    with tempfile.TemporaryDirectory(prefix="weft-serve-") as folder:
        server = subprocess.Popen([program, f"{folder}/store", str(visitors), "http.threads=1"],
                                  stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        port = int(server.stdout.readline())
        body = ask(port, PATH.format(1))
        lua = os.path.join(folder, "visitors.lua")
        with open(lua, "w") as file:
            file.write(LUA.format(visitors=visitors))
        print(f"serve: {visitors:,} visitors, one thread, answers of {len(body):,} bytes, "
              f"{resident_mb(server.pid):.0f} MB", flush=True)
        print("  connections  requests/s  p50 ms  p99 ms  CPU us   nginx/s  CPU us  ratio, "
              "ratio of "
              "CPU", flush=True)
        for connections in CONNECTIONS:
            rate, p50, p99, cpu, errors = wrk(server.pid, f"http://127.0.0.1:{port}", connections,
                                              "-s", lua)
            beside = static_file(folder, body, connections)
            print(f"  {connections:11} {rate:11,.0f} {p50:7.2f} {p99:7.2f} {cpu:7.1f} "
                  f"{beside[0]:9,.0f} {beside[3]:7.1f} {rate / beside[0]:6.2f} "
                  f"{beside[3] / cpu:6.2f} {' '.join(errors)}", flush=True)
        print(f"  {resident_mb(server.pid):.0f} MB after it", flush=True)
        streams(port, server.pid, STREAMS)
        server.stdin.close()
        server.wait()
