/// The filters of a PNG's rows: each byte less what its neighbours foretell.
enum PNGFilter {
    /// Rows behind their filter bytes; for each row the filter whose differences are the smallest altogether, the first of equals.
    ///
    /// - Parameters:
    ///   - bytes: rows of `stride` bytes.
    ///   - pixel: the bytes of a pixel.
    static func filtered(_ bytes: [UInt8], stride: Int, pixel: Int) -> [UInt8] {
        var result: [UInt8] = []
        result.reserveCapacity(bytes.count + bytes.count / stride)
        var above = [UInt8](repeating: 0, count: stride)
        var candidate = above
        var best = above
        for start in Swift.stride(from: 0, to: bytes.count, by: stride) {
            let row = Array(bytes[start..<start + stride])
            var chosen: UInt8 = 0
            var leastCost = Int.max
            for filter in 0..<5 as Range<UInt8> {
                var cost = 0
                for index in 0..<stride {
                    let left = index >= pixel ? row[index - pixel] : 0
                    let corner = index >= pixel ? above[index - pixel] : 0
                    let foretold: UInt8
                    switch filter {
                    case 0: foretold = 0
                    case 1: foretold = left
                    case 2: foretold = above[index]
                    case 3: foretold = UInt8((Int(left) + Int(above[index])) / 2)
                    default: foretold = paeth(left: Int(left), above: Int(above[index]), corner: Int(corner))
                    }
                    let difference = row[index] &- foretold
                    candidate[index] = difference
                    cost += abs(Int(Int8(bitPattern: difference)))
                }
                if cost < leastCost {
                    leastCost = cost
                    chosen = filter
                    swap(&best, &candidate)
                }
            }
            result.append(chosen)
            result += best
            above = row
        }
        return result
    }

    /// Whichever neighbour is nearest to left + above - corner, in this order.
    private static func paeth(left: Int, above: Int, corner: Int) -> UInt8 {
        let estimate = left + above - corner
        let (toLeft, toAbove, toCorner) = (abs(estimate - left), abs(estimate - above), abs(estimate - corner))
        if toLeft <= toAbove, toLeft <= toCorner { return UInt8(left) }
        return UInt8(toAbove <= toCorner ? above : corner)
    }
}
