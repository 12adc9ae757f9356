import Domain
import Testing

@Suite struct IPAddressTests {
    @Test(arguments: [
        ("192.0.2.1", "192.0.2.1"), ("0.0.0.0", "0.0.0.0"), ("255.255.255.255", "255.255.255.255"), ("::1", "::1"),
        ("2001:DB8:0:0:0:0:0:1", "2001:db8::1"), ("fe80::1%eth0", "fe80::1"), ("::ffff:192.0.2.1", "192.0.2.1"),
        ("::FFFF:c000:0201", "192.0.2.1"), ("::ffff:192.0.2.1%eth0", "192.0.2.1"), ("::", "::"),
    ])
    func `An address has one text, however it was written`(written: String, text: String) throws {
        let address = try #require(IPAddress(written))

        #expect(address.text == text)
        #expect(IPAddress(text) == address)
    }

    @Test func `An IPv4 address within IPv6 is the IPv4 address`() throws {
        let mapped = try #require(IPAddress("::ffff:1.2.3.4"))

        #expect(mapped == IPAddress("1.2.3.4"))
        #expect(mapped.isIPv4)
        #expect(IPAddress("::1.2.3.4")?.isIPv4 == false)
    }

    @Test(arguments: [
        "", " ", "1", "1.2.3", "1.2.3.4.5", "256.1.1.1", "01.2.3.4", "1.2.3.4 ", " 1.2.3.4", "1.2.3.4%eth0", "1.2.3.4/32",
        "0x7f.1",
        ":", ":::", "1::2::3", "12345::", "g::", "[::1]", "::1/128", "%eth0", "::ffff:256.1.1.1", "1.2.3.4\0", "::1\0::2",
        "1.2.3.4\0.5", "localhost", "１.2.3.4", "1.2.3.4%:", String(repeating: "1", count: 1_000_000),
        String(repeating: ":", count: 1_000_000), "::1%" + String(repeating: "e", count: 1_000_000),
    ])
    func `What is no address is refused`(text: String) {
        #expect(IPAddress(text) == nil)
    }

    @Test(arguments: [
        "1.1.1.1", "8.8.8.8", "9.255.255.255", "11.0.0.0", "100.63.255.255", "100.128.0.0", "126.255.255.255", "128.0.0.0",
        "169.253.255.255", "169.255.0.0", "172.15.255.255", "172.32.0.0", "192.0.1.1", "192.167.255.255", "192.169.0.0",
        "198.17.255.255", "198.20.0.0", "223.255.255.255", "::ffff:1.1.1.1", "2606:4700:4700::1111", "2a00:1450:4001::1",
        "2003::1", "2400::", "2001:200::1",
    ])
    func `An address of the open internet is public`(text: String) throws {
        #expect(try #require(IPAddress(text)).isPublic)
    }

    @Test(arguments: [
        // This network, private, shared, loopback, link-local with the clouds' metadata.
        "0.0.0.0", "0.1.2.3", "10.0.0.0", "10.255.255.255", "100.64.0.0", "100.127.255.255", "127.0.0.1", "127.255.255.255",
        "169.254.0.0", "169.254.169.254", "169.254.255.255", "172.16.0.0", "172.31.255.255", "192.168.0.0", "192.168.255.255",
        // Protocols, documents, tests, multicast, the future, everybody.
        "192.0.0.1", "192.0.0.170", "192.0.2.1", "192.88.99.1", "198.18.0.0", "198.19.255.255", "198.51.100.7", "203.0.113.7",
        "224.0.0.1", "239.255.255.255", "240.0.0.0", "255.255.255.255",
        // The same, wrapped.
        "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:169.254.169.254", "::127.0.0.1", "64:ff9b::7f00:1", "64:ff9b::808:808",
        "64:ff9b:1::1", "2002:7f00:1::", "2002:808:808::1", "2001::1", "2001:0:4136:e378:8000:63bf:3fff:fdd2",
        // Of IPv6's own.
        "::", "::1", "::2", "100::1", "fc00::1", "fd00:ec2::254", "fdff:ffff::", "fe80::1", "fe80::1%eth0", "febf::1", "fec0::1",
        "ff02::1", "ff0e::1", "2001:db8::1", "2001:2::1", "2001:10::1", "2001:20::1", "3fff::1", "4000::1", "5f00::1",
    ])
    func `An address that is private, special or wraps another is not public`(text: String) throws {
        #expect(try !#require(IPAddress(text)).isPublic)
    }

    @Test(arguments: [
        ("192.0.2.1", "192.0.2.1"), ("::ffff:192.0.2.1", "192.0.2.1"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"), ("2001:db8:1:2:ffff::", "2001:db8:1:2::/64"), ("::1", "::/64"),
    ])
    func `Attempts are counted by IPv4 address, and by the 64 of IPv6`(written: String, key: String) {
        #expect(IPAddress(written)?.throttleKey == key)
    }
}

@Suite struct TrustedProxiesTests {
    let trusted = ["10.0.0.0/8", "2001:db8::/32"].compactMap { IPNetwork($0) }

    @Test(
        arguments: [
            ("10.0.0.1", ["198.51.100.7"], "198.51.100.7"), ("2001:db8::1", ["198.51.100.7"], "198.51.100.7"),
            // What stands before that the caller may have written itself.
            ("10.0.0.1", ["192.0.2.1", "198.51.100.7"], "198.51.100.7"),
            ("10.0.0.1", ["192.0.2.1", "198.51.100.7", "10.0.0.2"], "198.51.100.7"),
            ("10.0.0.1", ["nobody", "198.51.100.7"], "198.51.100.7"),
            ("10.0.0.1", ["198.51.100.7", "nobody"], "10.0.0.1"), ("10.0.0.1", ["10.0.0.3", "10.0.0.2"], "10.0.0.1"),
            ("10.0.0.1", [], "10.0.0.1"), ("192.0.2.1", ["198.51.100.7"], "192.0.2.1"), ("", ["198.51.100.7"], ""),
        ] as [(String, [String], String)])
    func `Behind trusted proxies the caller is the last address that is none of theirs`(
        peer: String, forwarded: [String], caller: String
    ) {
        #expect(TrustedProxies.caller(peer: peer, forwarded: forwarded, trusted: trusted) == caller)
        #expect(TrustedProxies.caller(peer: peer, forwarded: forwarded, trusted: []) == peer)
    }
}

@Suite struct IPNetworkTests {
    @Test(arguments: [
        ("10.1.2.3/8", "10.0.0.0/8"), ("10.0.0.0/8", "10.0.0.0/8"), ("192.0.2.129/25", "192.0.2.128/25"),
        ("192.0.2.1", "192.0.2.1/32"),
        ("1.2.3.4/0", "0.0.0.0/0"), ("2001:db8::/32", "2001:db8::/32"), ("2001:db8:ffff::1/33", "2001:db8:8000::/33"),
        ("2001:db8::1", "2001:db8::1/128"), ("::/0", "::/0"), ("ffff::1/0", "::/0"), ("1:2:3:4:5:6:7:8/64", "1:2:3:4::/64"),
        ("1:2:3:4:5:6:7:8/65", "1:2:3:4::/65"), ("1:2:3:4:f:6:7:8/127", "1:2:3:4:f:6:7:8/127"),
        ("::ffff:10.1.2.3/104", "10.0.0.0/8"),
        ("::ffff:10.1.2.3", "10.1.2.3/32"), ("::ffff:10.1.2.3/64", "::/64"), ("::ffff:10.1.2.3/96", "0.0.0.0/0"),
    ])
    func `A network has one text, without bits behind its prefix`(written: String, text: String) throws {
        let network = try #require(IPNetwork(written))

        #expect(network.text == text)
        #expect(IPNetwork(text) == network)
    }

    @Test(arguments: [
        "", "/", "/8", "10.0.0.0/", "10.0.0.0/33", "10.0.0.0/-1", "10.0.0.0/+8", "10.0.0.0/08", "10.0.0.0/8/8", "10.0.0.0/ 8",
        "10.0.0.0/8 ", "10.0.0.0/255.0.0.0", "10.0.0.0/99999999999999999999", "10.0.0.0/٨", "10/8", "::/129", "::/999",
        "fe80::%eth0/64",
        "fe80::1%eth0", "::/", "any", "0.0.0.0/0\0", "10.0.0.0/" + String(repeating: "0", count: 1_000_000),
        String(repeating: "/", count: 1_000_000), String(repeating: "10.0.0.0/8,", count: 100_000),
    ])
    func `What is no network is refused`(text: String) {
        #expect(IPNetwork(text) == nil)
    }

    struct Example: Sendable {
        let network: String
        let inside: [String]
        let outside: [String]
    }

    @Test(arguments: [
        Example(
            network: "10.0.0.0/8", inside: ["10.0.0.0", "10.255.255.255", "::ffff:10.1.2.3"],
            outside: ["9.255.255.255", "11.0.0.0", "::10.1.2.3", "a00::"]),
        Example(network: "192.0.2.1", inside: ["192.0.2.1"], outside: ["192.0.2.0", "192.0.2.2"]),
        Example(network: "192.0.2.128/25", inside: ["192.0.2.128", "192.0.2.255"], outside: ["192.0.2.127", "192.0.3.128"]),
        Example(
            network: "0.0.0.0/0", inside: ["0.0.0.0", "255.255.255.255", "::ffff:1.2.3.4"], outside: ["::", "::1", "2001:db8::"]),
        Example(network: "::/0", inside: ["::", "2001:db8::1", "::1.2.3.4"], outside: ["1.2.3.4", "::ffff:1.2.3.4"]),
        Example(
            network: "2001:db8::/32", inside: ["2001:db8::", "2001:db8:ffff:ffff:ffff:ffff:ffff:ffff"],
            outside: ["2001:db7:ffff::", "2001:db9::", "32.1.13.184"]),
        Example(
            network: "2001:db8::/65", inside: ["2001:db8::7fff:0:0:0", "2001:db8::"],
            outside: ["2001:db8::8000:0:0:0", "2001:db8:0:1::"]),
        Example(network: "::1", inside: ["::1"], outside: ["::", "::2", "127.0.0.1", "8000::1"]),
    ])
    func `A network holds the addresses of its own family from its first to its last`(example: Example) throws {
        let network = try #require(IPNetwork(example.network))

        for text in example.inside { #expect(try network.contains(#require(IPAddress(text))), "\(text)") }
        for text in example.outside { #expect(try !network.contains(#require(IPAddress(text))), "\(text)") }
    }

    @Test func `An address lies in its own network at every prefix`() throws {
        for (written, bitsMax) in [("203.0.113.77", 32), ("2001:db8:9:8:7:6:5:4d", 128)] {
            let address = try #require(IPAddress(written))
            for bits in 0...bitsMax {
                let network = try #require(IPNetwork("\(written)/\(bits)"))
                #expect(network.contains(address))
                #expect(network.text.hasSuffix("/\(bits)"))
            }
        }
    }
}
