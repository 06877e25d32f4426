import Foundation
import FoundationXML
import TestSupport
import Testing

/// The neurons of a graph: one name in every format, each with its cluster, and one of two joined layers.
@Suite struct GraphNodesTests {
    private static let model = Fixtures.path("mlp.tar")
    private static let clusters = Fixtures.path("mlp.clusters.tsv")

    /// A graph as a reader of one format sees it.
    private struct Graph: Equatable {
        var nodes: [String: [String: String]] = [:]
        var edges: [[String]] = []

        /// Whether each edge names two nodes.
        var isWhole: Bool { edges.allSatisfy { nodes[$0[0]] != nil && nodes[$0[1]] != nil } }
    }

    private static func text(_ arguments: [String]) throws -> String {
        let result = try BuiltCommand.run(["graph"] + arguments)
        try #require(result.status == 0, "\(result.errors)")
        return result.text
    }

    // MARK: - Readers

    private final class GraphMLReader: NSObject, XMLParserDelegate {
        var graph = Graph()
        var keys: [String: String] = [:]
        var problems: [String] = []
        private var (node, edge, key, text) = ("", [String](), "", "")

        func parser(
            _ parser: XMLParser, didStartElement name: String, namespaceURI: String?, qualifiedName: String?, attributes: [String: String]
        ) {
            switch name {
            case "key":
                let (id, type) = (attributes["id"] ?? "", attributes["attr.type"] ?? "")
                // The types of GraphML, all of which Gephi knows.
                if !["boolean", "int", "long", "float", "double", "string"].contains(type) { problems.append("type \(type) of \(id)") }
                if attributes["attr.name"] == nil || keys.updateValue(type, forKey: id) != nil { problems.append("key \(id)") }
            case "node":
                node = attributes["id"] ?? ""
                if graph.nodes.updateValue([:], forKey: node) != nil { problems.append("node \(node) twice") }
            case "edge": edge = [attributes["source"] ?? "", attributes["target"] ?? ""]
            case "data":
                (key, text) = (attributes["key"] ?? "", "")
                if keys[key] == nil { problems.append("key \(key) is not declared") }
            default: break
            }
        }

        func parser(_ parser: XMLParser, foundCharacters string: String) { text += string }

        func parser(_ parser: XMLParser, didEndElement name: String, namespaceURI: String?, qualifiedName: String?) {
            if name == "data" {
                if keys[key] != "string", Double(text) == nil { problems.append("\(key) is \(text)") }
                if edge.isEmpty { graph.nodes[node]?[key] = text } else { edge.append(text) }
            }
            if name == "edge" {
                graph.edges.append(edge)
                edge = []
            }
        }
    }

    private static func graphML(_ text: String) throws -> Graph {
        let reader = GraphMLReader()
        let parser = XMLParser(data: Data(text.utf8))
        parser.delegate = reader
        #expect(parser.parse())
        #expect(reader.problems.isEmpty, "\(reader.problems)")
        return reader.graph
    }

    private static func json(_ text: String) throws -> Graph {
        let document = try #require(try JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any])
        #expect(document["schema"] as? String == "modinspect.graph/1" && document["directed"] as? Bool == true)
        var graph = Graph()
        for node in try #require(document["nodes"] as? [[String: Any]]) {
            let attributes = node.filter { $0.key != "id" && !($0.value is NSNull) }.mapValues { "\($0)" }
            #expect(graph.nodes.updateValue(attributes, forKey: try #require(node["id"] as? String)) == nil)
        }
        graph.edges = try #require(document["edges"] as? [[String: Any]]).map { edge in
            [edge["source"] as? String ?? "", edge["target"] as? String ?? "", "\(Float(try #require(edge["weight"] as? Double)))"]
        }
        return graph
    }

    private static func dot(_ text: String) throws -> Graph {
        var graph = Graph()
        for line in text.split(separator: "\n").dropFirst().dropLast() {
            let parts = line.split(separator: "\"", omittingEmptySubsequences: false).map(String.init)
            if line.contains("->") {
                graph.edges.append([parts[1], parts[3], parts[5]])
            } else {
                var attributes: [String: String] = ["label": parts[1]]
                for place in stride(from: 2, to: parts.count - 1, by: 2) {
                    attributes[parts[place].trimmingCharacters(in: CharacterSet(charactersIn: " [,="))] = parts[place + 1]
                }
                #expect(attributes.removeValue(forKey: "style") == "filled" && attributes.removeValue(forKey: "fillcolor") != nil)
                graph.nodes[parts[1]] = attributes
            }
        }
        return graph
    }

    /// The graph in every format that has nodes, which must be one.
    private static func graph(_ arguments: [String]) throws -> Graph {
        let graph = try graphML(text(arguments + ["--format", "graphml"]))
        #expect(graph.isWhole && graph.nodes.allSatisfy { $0.value["label"] == $0.key })
        #expect(try json(text(arguments + ["--format", "json"])) == graph)
        #expect(try dot(text(arguments + ["--format", "dot"])) == graph)
        return graph
    }

    /// The rows of tsv as edges.
    private static func rows(_ arguments: [String]) throws -> [[String: String]] {
        let lines = try text(arguments).split(separator: "\n").map { $0.split(separator: "\t").map(String.init) }
        return lines.dropFirst().map { Dictionary(uniqueKeysWithValues: zip(lines[0], $0)) }
    }

    // MARK: - Clusters

    @Test func everyNeuronHasTheClusterOfTheFile() throws {
        let graph = try Self.graph([Self.model, "--clusters", Self.clusters, "--top", "0.1"])
        let labels = try ClusterRows.labels(Self.clusters)
        #expect(graph.nodes.count == labels.values.flatMap(\.values).map(\.count).reduce(0, +))
        for (layer, sides) in labels {
            for (side, labels) in sides {
                for (index, label) in labels.enumerated() {
                    let node = try #require(graph.nodes["\(layer)/\(side)/\(index)"])
                    #expect(node["layer"] == layer && node["side"] == side && node["index"] == "\(index)" && node["cluster"] == "\(label)")
                }
            }
        }
        // ceil(230.4) edges of each of two layers, with the clusters of both ends.
        let rows = try Self.rows([Self.model, "--clusters", Self.clusters, "--top", "0.1"])
        #expect(rows.count == 462 && graph.edges.count == 462)
        for row in rows {
            let sides = try #require(labels[row["layer"] ?? ""])
            #expect(row["in_cluster"] == sides["in"]?[Int(row["in"] ?? "") ?? 0].description)
            #expect(row["out_cluster"] == sides["out"]?[Int(row["out"] ?? "") ?? 0].description)
        }
    }

    @Test func onlyLayersWithClustersAreWritten() throws {
        let arguments = [Self.model, "--clusters", Self.clusters, "--top", "0.01"]
        #expect(Set(try Self.rows(arguments).compactMap { $0["layer"] }) == ["fc2.weight", "fc3.weight"])
        #expect(Set(try Self.rows(arguments + ["--layers", "fc3.weight"]).compactMap { $0["layer"] }) == ["fc3.weight"])
        let result = try BuiltCommand.run(["graph"] + arguments + ["--layers", "fc1.weight"])
        #expect(result.status == 1 && result.errors.contains("layer 'fc1.weight' is not in the file"), "\(result.errors)")
    }

    @Test func arraysHaveTheClustersBesideThem() throws {
        try TemporaryFolder.with { folder in
            let path = folder + "/g.npz"
            _ = try Self.text([Self.model, "--clusters", Self.clusters, "--format", "npz", "-o", path])
            let names = try BuiltCommand.run("info", path, "--format", "tsv").rows.map { $0[1] }
            #expect(Set(names).isSuperset(of: ["fc2.weight/in_clusters", "fc2.weight/out_clusters", "fc3.weight/out_clusters"]))
        }
    }

    // MARK: - Joined layers

    @Test func anOutputOfALayerIsAnInputOfTheNext() throws {
        try TemporaryFolder.with { folder in
            let file = folder + "/network.tsv"
            let found = try BuiltCommand.run("cluster", Self.model, "--method", "network", "-o", file, "-q")
            try #require(found.status == 0, "\(found.errors)")
            let arguments = [Self.model, "--clusters", file, "--chain", "--top", "0.05"]
            let graph = try Self.graph(arguments)
            // 48 inputs of fc2, 48 neurons between, 48 outputs of fc3.
            #expect(graph.nodes.count == 144)
            #expect(graph.nodes.keys.allSatisfy { !$0.hasPrefix("fc3.weight/in/") })
            let between = graph.edges.filter { $0[0].hasPrefix("fc2.weight/out/") }
            #expect(between.count == 116 && between.allSatisfy { $0[1].hasPrefix("fc3.weight/out/") })
            let labels = try ClusterRows.labels(file)
            for (id, node) in graph.nodes {
                let parts = id.split(separator: "/").map(String.init)
                #expect(node["cluster"] == labels[parts[0]]?[parts[1]]?[Int(parts[2]) ?? 0].description)
            }
            let rows = try Self.rows(arguments)
            #expect(rows.map { [$0["source"], $0["target"], $0["weight"]] } == graph.edges.map { $0.map(Optional.some) })
            #expect(rows.allSatisfy { $0["in_cluster"] == graph.nodes[$0["source"] ?? ""]?["cluster"] })
        }
    }

    @Test func placesOfAChannelAreOneNeuron() throws {
        // The 16 channels of conv2 are flattened into the 64 inputs of fc1, four places each.
        let arguments = [Fixtures.path("cnn.pt"), "--chain"]
        let rows = try Self.rows(arguments)
        let fc1 = rows.filter { $0["layer"] == "fc1.weight" }
        #expect(fc1.count == 64 * 32)
        #expect(fc1.allSatisfy { $0["source"] == "conv2.weight/out/\((Int($0["in"] ?? "") ?? 0) / 4)" })
        let graph = try Self.graphML(Self.text(arguments + ["--format", "graphml"]))
        #expect(graph.isWhole && graph.nodes.count == 8 + 16 + 32)
        #expect(try Self.text(arguments + ["--format", "json"]).contains("\"multigraph\": true"))
    }

    @Test func aNeuronOfTwoClustersIsAWarning() throws {
        let result = try BuiltCommand.run("graph", Self.model, "--clusters", Self.clusters, "--chain", "--format", "graphml")
        #expect(result.status == 0)
        let labels = try ClusterRows.labels(Self.clusters)
        let (out, input) = (try #require(labels["fc2.weight"]?["out"]), try #require(labels["fc3.weight"]?["in"]))
        let count = zip(out, input).count { $0 != $1 }
        #expect(
            count > 0 && result.errors.contains("layer 'fc3.weight': the cluster of \(count) in-neurons is not that of"), "\(result.errors)"
        )
        #expect(try Self.graphML(result.text).nodes["fc2.weight/out/0"]?["cluster"] == "\(out[0])")
    }

    @Test func layersThatDoNotFollowEachOtherAreNotJoined() throws {
        let result = try BuiltCommand.run("graph", Fixtures.path("gpt2-tiny"), "--chain", "--format", "dot")
        #expect(result.status == 1 && result.output.isEmpty)
        #expect(result.errors.contains("does not follow 'transformer.h.0.mlp.c_fc.weight'"), "\(result.errors)")
        let arrays = try BuiltCommand.run("graph", Self.model, "--chain", "--format", "npz", "-o", "-")
        #expect(arrays.status == 64 && arrays.errors.contains("--chain cannot be combined with --format npz"), "\(arrays.errors)")
    }

    // MARK: - networkx

    private static let hasNetworkx = (try? BuiltCommand.shell("python3 -c 'import networkx'").status) == 0

    @Test(.enabled(if: hasNetworkx, "needs python3 with networkx"), arguments: [[], ["--chain"]])
    func networkxReadsTheGraph(options: [String]) throws {
        try TemporaryFolder.with { folder in
            let clusters = folder + "/clusters.tsv"
            _ = try BuiltCommand.run("cluster", Self.model, "--method", "network", "-o", clusters, "-q")
            for format in ["graphml", "json"] {
                _ = try Self.text(
                    [Self.model, "--clusters", clusters, "--top", "0.1", "--format", format, "-o", folder + "/g." + format] + options)
            }
            let script = """
                import csv, json, sys, networkx as nx
                folder = sys.argv[1]
                graphs = [nx.read_graphml(folder + "/g.graphml")]
                document = json.load(open(folder + "/g.json"))
                key = "edges" if tuple(map(int, nx.__version__.split(".")[:2])) >= (3, 4) else "link"
                graphs.append(nx.node_link_graph(document, **{key: "edges"}))
                rows = csv.DictReader(open(folder + "/clusters.tsv"), delimiter="\\t")
                labels = {(r["layer"], r["side"], int(r["index"])): int(r["cluster"]) for r in rows}
                for g in graphs:
                    assert g.is_directed() and not g.is_multigraph()
                    for node, d in g.nodes(data=True):
                        assert d["cluster"] == labels[d["layer"], d["side"], d["index"]]
                        assert node == d["label"] == "%s/%s/%d" % (d["layer"], d["side"], d["index"])
                    assert all(isinstance(d["weight"], float) for _, _, d in g.edges(data=True))
                assert dict(graphs[0].nodes(data=True)) == dict(graphs[1].nodes(data=True))
                assert dict(graphs[0].edges) == dict(graphs[1].edges)
                print(graphs[0].number_of_nodes(), graphs[0].number_of_edges(), nx.number_weakly_connected_components(graphs[0]))
                """
            let result = try BuiltCommand.shell("python3 -c \"$2\" \"$1\"", folder, script)
            #expect(result.status == 0, "\(result.errors)")
            #expect(result.text.hasPrefix(options.isEmpty ? "192 462 " : "144 462 "), "\(result.text)")
        }
    }
}
